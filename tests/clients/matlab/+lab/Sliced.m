classdef Sliced < levada.Computed
    properties (Constant)
        definition = {
            '-> lab.Session'
            '---'
            'mean_rate : float64  # Hz'}
        keySource = lab.Session & 'rate is not null'
    end
    methods
        function rate = makeFetch(~, key, varargin)
            % Reads, and may be followed by a change of what it has read.
            rate = fetch1(lab.Session & key, 'rate');
            if ~isempty(varargin)
                rate = varargin{1} * rate;
            end
        end

        function computed = makeCompute(~, key, rate)
            computed = mean(rate);
            if strcmp(levada.config('sliced_change'), 'yes')
                other = levada.Connection(conn(lab.Session).Address);
                update(levada.FreeTable(other, 'lab.Session') & rmfield(key, setdiff(fieldnames(key), ...
                    {'subject_id', 'session'})), 'rate', [100 200]);
                other.close();
            end
        end

        function makeInsert(self, key, computed)
            self.insert(setfield(key, 'mean_rate', computed));
        end
    end
end
