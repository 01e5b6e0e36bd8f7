%{
-> drill.Sample
---
square : int64
%}
classdef Result < levada.Computed
%RESULT The results, as in benchmarks/drill_pipeline.py; either language may compute each.

    properties
        maxAttempts = 1000  % the drill kills workers, which is not the fault of a job
        retryDelay = 0.001
    end
    methods
        function make(self, key)
            square = int64(key.n) ^ 2;
            insert(self, struct('n', key.n, 'square', square));
            digits = sprintf('%d', square) - '0';
            places = num2cell(0:numel(digits) - 1)';
            insert(drill.ResultDigit, struct('n', key.n, 'place', places, 'digit', num2cell(digits)'));
        end
    end
end
