function scope = currentWork(varargin)
% currentWork  Keep what the `make` that runs now inserts into.
%
%   scope = currentWork()        gives the levada.internal.jobs.JobWork, [] where no make runs
%   before = currentWork(scope)  sets it, and gives what was there

persistent current
scope = current;
if nargin > 0
    current = varargin{1};
    mlock  % `clear all` within a make must not send its rows elsewhere
end
end
