classdef Unlucky < levada.Computed
    properties (Constant)
        definition = {
            '-> lab.Session'
            '---'
            'calls : int32'}
    end
    methods
        function make(self, key)
            % Finds the server out of reach, as often as the configuration says.
            calls = levada.config('unlucky_calls') + 1;
            levada.config('unlucky_calls', calls);
            if calls <= levada.config('unlucky_times')
                error('levada:Unavailable', 'The server is out of reach, call %d.', calls);
            end
            insert(self, setfield(key, 'calls', calls))
        end
    end
end
