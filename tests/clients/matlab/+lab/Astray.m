%{
-> lab.Session
---
x : int
%}
classdef Astray < levada.Computed
    methods
        function make(~, ~)
            count(levada.FreeTable('lab.Nothing'));
        end
    end
end
