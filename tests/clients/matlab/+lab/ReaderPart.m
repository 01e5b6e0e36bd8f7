%{
-> lab.Reader
part : int
%}
classdef ReaderPart < levada.Part
    properties (SetAccess = protected)
        master = lab.Reader
    end
    methods
        function makeTuples(self, key)
            for part = 1:fetch1(lab.Reader & key, 'number')
                insert(self, setfield(key, 'part', part))
            end
        end
    end
end
