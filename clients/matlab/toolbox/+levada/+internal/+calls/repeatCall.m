function varargout = repeatCall(attempt, seconds, mayRepeat, failure)
%REPEATCALL Repeat a call while its failure may pass, after pauses that grow.
%   [...] = REPEATCALL(ATTEMPT, SECONDS, MAYREPEAT) calls the function ATTEMPT until it succeeds, and returns its
%   results. A failure is raised if MAYREPEAT(FAILURE) is false, or if SECONDS would be over before the next attempt.
%   [...] = REPEATCALL(ATTEMPT, SECONDS, MAYREPEAT, FAILURE) starts with a pause: an attempt has failed already.
%
%   These pauses are the only ones between attempts in the toolbox.

firstPauseSeconds = 0.1;
longestPauseSeconds = 5;
pauseSeconds = firstPauseSeconds;
begun = tic();
hasFailed = nargin > 3;
while true
    started = tic();
    if ~hasFailed
        try
            [varargout{1:nargout}] = attempt();
            return
        catch failure
        end
    end
    hasFailed = false;
    if toc(started) > longestPauseSeconds
        pauseSeconds = firstPauseSeconds;  % it worked for a while
    end
    if ~mayRepeat(failure) || toc(begun) + pauseSeconds > seconds
        rethrow(failure)
    end
    pause(pauseSeconds);
    pauseSeconds = min(2 * pauseSeconds, longestPauseSeconds);
end
end
