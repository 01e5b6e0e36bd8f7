%{
-> lab.Session
n : int8
---
wave : <array float64 (3)>
%}
classdef Waves < levada.Computed
    methods
        function make(self, key)
            waves = {int8([1 2 3]), [300 0 0.5], true(1, 3)};
            for n = 1:3
                row = key;
                row.n = n;
                row.wave = waves{n};
                insert(self, row);
            end
        end
    end
end
