%{
-> lab.Large
%}
classdef Endless < levada.Computed
    methods
        function make(~, ~)
            % Fetches more rows than anybody waits for.
            fetch(levada.FreeTable('lab.Number') * levada.FreeTable('lab.Letter'));
        end
    end
end
