function result = retry(trouble, channel, method, attempt, seconds)
%RETRY Repeat a call that met TROUBLE, for some seconds while the server is out of reach.
%   RESULT = RETRY(TROUBLE, CHANNEL, METHOD, ATTEMPT, SECONDS) repeats only methods that read, and only on a channel
%   that the server has answered before: it may be gone for a moment. All else is raised.

begun = tic;
wait = 0.1;
reads = ~isempty(regexp(method, '/(Get|List|Describe|Count|Check|Explain|Plan|Fetch)[^/]*$', 'once'));
while true
    if ~reads || ~strcmp(trouble.identifier, 'levada:Unavailable') || toc(begun) + wait > min(seconds, 10) || ...
            ~levada.internal.gateway('answered', channel)
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
