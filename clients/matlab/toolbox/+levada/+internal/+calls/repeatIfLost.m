function response = repeatIfLost(failure, channel, method, request, attempt, seconds)
%REPEATIFLOST Repeat a call that failed because the server was out of reach for a moment.
%   RESPONSE = REPEATIFLOST(FAILURE, CHANNEL, METHOD, REQUEST, ATTEMPT, SECONDS) shows the server's warnings, and calls
%   the function ATTEMPT again. It does so only if REQUEST, the first of a stream, may be sent again, and only on
%   a channel that the server has answered before, because such a server may be back in a moment. Other failures are
%   raised. SECONDS is the deadline of the call, or [].

longestSeconds = 10;
levada.internal.calls.warnUser(levada.internal.calls.gateway('warnings', channel));
if ~levada.internal.errors.isServerLost(failure) || ~levada.internal.calls.isRepeatable(method, request)
    rethrow(failure)
end
mayRepeat = @(failure) levada.internal.errors.isServerLost(failure) && levada.internal.calls.gateway('answered', ...
    channel);
response = levada.internal.calls.repeatCall(attempt, min([seconds, longestSeconds]), mayRepeat, failure);
end
