%{
-> lab.Found
---
twice : int64
%}
classdef FoundSize < levada.Computed
    methods
        function make(self, key)
            insert(self, setfield(key, 'twice', 2 * fetch1(lab.Found & key, 'size')));
        end
    end
end
