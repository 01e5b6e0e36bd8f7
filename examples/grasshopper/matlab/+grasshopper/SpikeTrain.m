classdef SpikeTrain < levada.Computed
% SpikeTrain  A recording's spikes, cut in one way.

    methods
        function make(self, key)
            %MAKE Cut the spike train.
            [spikeTimes, duration] = fetch1(grasshopper.Recording & key, 'spike_times', 'duration');
            segmentDuration = fetch1(grasshopper.Segmentation & key, 'segment_duration');
            [starts, parts] = grasshopper.analysis.segments(spikeTimes, duration, segmentDuration);
            row = key;
            row.segment_count = numel(parts);
            insert(self, row)
            rows = repmat(key, numel(parts), 1);
            for index = 1:numel(parts)
                rows(index).segment = index - 1;
                rows(index).start = starts(index);
                rows(index).spike_times = parts{index};
            end
            insert(grasshopper.SpikeTrainSegment, rows)
        end
    end
end
