classdef Patient < levada.Computed
    properties (Constant)
        definition = '-> lab.Session'
    end
    methods
        function make(self, key)
            % Inserts nothing for a session that has no rate yet.
            if ~isempty(fetch1(lab.Session & key, 'rate'))
                insert(self, key);
            end
        end
    end
end
