function statistics = intervalStatistics(spikeTimes, shortInterval)
%INTERVALSTATISTICS Summarize the intervals between neighbouring spikes.
%
%   statistics = intervalStatistics(spikeTimes, shortInterval)
%
%   spikeTimes     in s, ascending, at least 3
% shortInterval  in s; only shorter intervals are short
%   statistics     a struct with interval_count, mean_interval, std_interval (both in s), cv, local_variation, short_fraction
%
%   Local variation: S. Shinomoto, K. Shima and J. Tanji (2003), Neural Comput 15:2823-2842.

if numel(spikeTimes) < 3
    error('grasshopper:fewSpikes', 'Interval statistics need 3 spikes, and there are %d.', numel(spikeTimes));
end
counts = diff(grasshopper.analysis.ticks(spikeTimes));
intervals = counts / 1e6;
before = intervals(1:end - 1);
after = intervals(2:end);
statistics.interval_count = numel(intervals);
statistics.mean_interval = mean(intervals);
statistics.std_interval = std(intervals, 1);
statistics.cv = statistics.std_interval / statistics.mean_interval;
statistics.local_variation = 3 * mean(((before - after) ./ (before + after)) .^ 2);
statistics.short_fraction = mean(counts < grasshopper.analysis.ticks(shortInterval));
end
