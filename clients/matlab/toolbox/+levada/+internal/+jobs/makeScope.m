function scope = makeScope(varargin)
% makeScope  Keep what the `make` that runs now inserts into.
%
%   scope = makeScope()        gives the levada.internal.jobs.JobWork, [] where no make runs
%   before = makeScope(scope)  sets it, and gives what was there

persistent current
scope = current;
if nargin > 0
    current = varargin{1};
    mlock  % `clear all` within a make must not send its rows elsewhere
end
end
