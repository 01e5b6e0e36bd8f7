function result = retry(trouble, channel, attempt, seconds)
%RETRY Repeat a call that met TROUBLE, for some seconds while the server is out of reach.
%   RESULT = RETRY(TROUBLE, CHANNEL, ATTEMPT, SECONDS) repeats only on a channel that the server has answered before:
%   it may be gone for a moment. Other trouble is raised. SECONDS is the deadline of the call, or [].

begun = tic;
wait = 0.1;
while true
    lost = any(strcmp(trouble.identifier, {'levada:Unavailable', 'levada:OutcomeUnknown'}));
    if ~lost || toc(begun) + wait > min([seconds, 10]) || ~levada.internal.calls.gateway('answered', channel)
        rethrow(trouble);
    end
    pause(wait);
    wait = 2 * wait;
    try
        result = attempt();
        return
    catch trouble
    end
end
end
