function scope = currentWork(varargin)
%CURRENTWORK Return or set the work of the make that runs now.
%
%   scope = currentWork()        returns the levada.internal.jobs.JobWork, or [] if no make runs
%   before = currentWork(scope)  sets it, and returns the one before

persistent current
scope = current;
if nargin > 0
    current = varargin{1};
    mlock  % `clear all` within a make must not send its rows elsewhere
end
end
