classdef FiringRate < levada.Computed
% FiringRate  How often the neuron fires, and how evenly.

    methods
        function make(self, key)
            %MAKE Count the spikes in each bin.
            inputs = grasshopper.SpikeTrainSegment * grasshopper.Segmentation * grasshopper.AnalysisParameters & key;
            [start, duration, spikeTimes, binWidth] = fetch1(inputs, 'start', 'segment_duration', 'spike_times', 'bin_width');
            rate = grasshopper.analysis.firingRate(spikeTimes, start, duration, binWidth);
            row = key;
            row.mean_rate = mean(rate);
            row.peak_rate = max(rate);
            row.fano_factor = grasshopper.analysis.fanoFactor(rate, binWidth);
            row.rate = rate;
            insert(self, row)
        end
    end
end
