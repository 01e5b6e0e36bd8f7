%{
-> lab.Session
---
x : int
%}
classdef Stray < levada.Computed
    methods
        function make(self, key)
            insert(self, setfield(key, 'x', 1));
            insert(lab.Subject, struct('subject_id', 99));
        end
    end
end
