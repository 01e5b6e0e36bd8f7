classdef Flaky < levada.Computed
    properties (Constant)
        definition = {
            '-> lab.Session'
            '---'
            'calls : int32'}
        maxAttempts = 3
        retryDelay = 0
    end
    methods
        function make(self, key)
            % Fails twice.
            calls = levada.config('flaky_calls') + 1;
            levada.config('flaky_calls', calls);
            if calls < 3
                error('lab:Again', 'Call %d fails.', calls);
            end
            insert(self, setfield(key, 'calls', calls))
        end
    end
end
