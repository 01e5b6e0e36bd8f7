%{
-> lab.Recording
---
filtered : <npy@>
%}
classdef Filtered < levada.Computed
    methods
        function make(self, key)
            trace = read(fetch1(lab.Recording & key, 'trace'));
            insert(self, setfield(key, 'filtered', 2 * trace))
        end
    end
end
