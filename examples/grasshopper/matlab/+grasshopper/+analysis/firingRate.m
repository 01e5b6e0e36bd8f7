function rate = firingRate(spikeTimes, start, duration, binWidth)
%FIRINGRATE Count spikes in bins, as a rate. A spike on an edge belongs to the bin that begins there.
%
%   rate = firingRate(spikeTimes, start, duration, binWidth)
%
%   spikeTimes  in [start, start + duration), in s
%   duration    in s, a multiple of binWidth
%   rate        in Hz, a column with one element per bin

width = grasshopper.analysis.ticks(binWidth);
bins = grasshopper.analysis.ticks(duration) / width;
if bins ~= floor(bins)
    error('grasshopper:unevenBins', 'Bins of %g s do not fill %g s evenly.', binWidth, duration);
end
sinceStart = grasshopper.analysis.ticks(spikeTimes) - grasshopper.analysis.ticks(start);
counts = accumarray(floor(sinceStart / width) + 1, 1, [bins, 1]);
rate = counts / binWidth;
end
