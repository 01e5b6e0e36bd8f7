function [starts, parts] = segments(spikeTimes, duration, segmentDuration)
%SEGMENTS Cut a spike train into segments of equal length; drop the rest.
%
%   [starts, parts] = segments(spikeTimes, duration, segmentDuration)
%
%   spikeTimes       in s from the stimulus' onset, ascending
%   duration         of the recording, in s
%   segmentDuration  in s, at least a microsecond
%   starts           in s, a column
%   parts            cell column of the spike times in [start, start + segmentDuration)

counts = grasshopper.analysis.ticks(spikeTimes);
width = grasshopper.analysis.ticks(segmentDuration);
number = floor(grasshopper.analysis.ticks(duration) / width);
edges = (0:number)' * width;
starts = edges(1:number) / 1e6;
parts = cell(number, 1);
for index = 1:number
    parts{index} = spikeTimes(counts >= edges(index) & counts < edges(index + 1));
end
end
