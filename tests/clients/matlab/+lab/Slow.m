%{
-> lab.Session
---
x : int
%}
classdef Slow < levada.Computed
    methods
        function make(self, key)
            % Ends when a file appears.
            printf('in make\n');
            fflush(stdout);
            while isempty(dir(levada.config('awaited_file')))
                pause(0.02);
            end
            insert(self, setfield(key, 'x', 1))
        end
    end
end
