function varargout = persist(call, patienceSeconds)
% persist  Repeat a call that is safe to repeat until it gets through or the patience is over; give its result.
%
%   result = persist(@() ..., patienceSeconds)

firstPauseSeconds = 0.1;
longestPauseSeconds = 5;
started = tic();
waitSeconds = firstPauseSeconds;
while true
    try
        [varargout{1:nargout}] = call();
        return
    catch failure
        if ~levada.internal.errors.isTransient(failure) || toc(started) + waitSeconds > patienceSeconds
            rethrow(failure)
        end
    end
    pause(waitSeconds);
    waitSeconds = min(2 * waitSeconds, longestPauseSeconds);
end
end
