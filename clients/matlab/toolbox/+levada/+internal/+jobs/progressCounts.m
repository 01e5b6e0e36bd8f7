function [remaining, total] = progressCounts(progress)
%PROGRESSCOUNTS Read the counts of a message Progress.

remaining = 0;
total = 0;
if isfield(progress, 'remaining_count')
    remaining = double(progress.remaining_count);
end
if isfield(progress, 'total_count')
    total = double(progress.total_count);
end
end
