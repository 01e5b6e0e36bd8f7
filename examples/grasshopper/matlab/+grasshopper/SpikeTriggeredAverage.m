classdef SpikeTriggeredAverage < levada.Computed
% SpikeTriggeredAverage  The mean stimulus before a spike.

    methods
        function make(self, key)
            %MAKE Average the stimulus before each spike, of all segments and of each.
            inputs = grasshopper.Recording * grasshopper.AnalysisParameters & key;
            [stimulus, samplingRate, window] = fetch1(inputs, 'stimulus', 'sampling_rate', 'window');
            [segments, spikeTimes] = fetchn(grasshopper.SpikeTrainSegment & key, 'segment', 'spike_times', 'ORDER BY segment');
            [lags, average, number] = grasshopper.analysis.spikeTriggeredAverage( ...
                vertcat(spikeTimes{:}), stimulus, samplingRate, window);
            [peakLevel, peak] = max(average);
            row = key;
            row.spike_count = number;
            row.peak_level = peakLevel;
            row.peak_lag = lags(peak);
            row.lags = lags;
            row.average = average;
            insert(self, row)
            rows = repmat(key, numel(segments), 1);
            for index = 1:numel(segments)
                [~, average, number] = grasshopper.analysis.spikeTriggeredAverage( ...
                    spikeTimes{index}, stimulus, samplingRate, window);
                rows(index).segment = segments(index);
                rows(index).spike_count = number;
                rows(index).average = average;
            end
            insert(grasshopper.SpikeTriggeredAverageSegment, rows)
        end
    end
end
