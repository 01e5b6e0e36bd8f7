classdef Stat < levada.Computed
    properties (Constant)
        definition = {
            '-> lab.Session'
            '---'
            'mean_rate : float64  # Hz'}
    end
    methods
        function make(self, key)
            x = fetch1(lab.Session & key, 'rate');
            if isempty(x)
                error('lab:NoRate', 'Session %d has no rate.', key.session);
            end
            self.insert(setfield(key, 'mean_rate', mean(x)));
        end
    end
end
