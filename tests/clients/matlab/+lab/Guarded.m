%{
-> lab.Session
---
x : int
%}
classdef Guarded < levada.Computed
    methods (Access = protected)
        function make(self, key)
            insert(self, setfield(key, 'x', 1));
        end
    end
end
