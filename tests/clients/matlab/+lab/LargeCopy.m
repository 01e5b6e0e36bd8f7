%{
-> lab.Large
%}
classdef LargeCopy < levada.Computed
    methods
        function make(self, key)
            insert(self, key);
        end
    end
end
