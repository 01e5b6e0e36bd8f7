classdef Chosen < levada.Computed
    properties (Constant)
        definition = '-> lab.Session'
    end
    properties (Dependent)
        keySource
    end
    methods
        function source = get.keySource(self)
            % The sessions that a test has chosen.
            source = lab.Session & levada.config('chosen_sessions');
        end

        function make(self, key)
            insert(self, key);
        end
    end
end
