function factor = fanoFactor(rate, binWidth)
%FANOFACTOR Compute the variance of the counts in bins over their mean: 1 for a Poisson process, 0 for a clock.
%
%   factor = fanoFactor(rate, binWidth)
%
%   rate      of at least one spike, in Hz
%   binWidth  in s

counts = rate * binWidth;
factor = var(counts, 1) / mean(counts);
end
