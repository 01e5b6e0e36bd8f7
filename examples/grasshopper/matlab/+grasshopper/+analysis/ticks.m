function counts = ticks(times)
%TICKS Count times in whole microseconds, so that a spike on an edge never falls to the wrong side of it.
%
%   counts = ticks(times)
%
%   times  in s; the counts are a column

counts = round(times(:) * 1e6);
end
