classdef IntervalStatistics < levada.Computed
% IntervalStatistics  How regularly the neuron fires.

    methods
        function make(self, key)
            %MAKE Summarize the intervals.
            inputs = grasshopper.SpikeTrainSegment * grasshopper.AnalysisParameters & key;
            [spikeTimes, shortInterval] = fetch1(inputs, 'spike_times', 'short_interval');
            statistics = grasshopper.analysis.intervalStatistics(spikeTimes, shortInterval);
            row = key;
            for name = fieldnames(statistics)'
                row.(name{1}) = statistics.(name{1});
            end
            insert(self, row)
        end
    end
end
