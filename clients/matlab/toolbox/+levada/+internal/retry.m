function result = retry(channel, method, attempt, seconds)
%RETRY Make a call, again and again for some seconds while the server is out of reach.
%   RESULT = RETRY(CHANNEL, METHOD, ATTEMPT, SECONDS) repeats only methods that read, and only on a channel that the
%   server has answered before: it may be gone for a moment.

begun = tic;
wait = 0.1;
while true
    try
        result = attempt();
        return
    catch trouble
        reads = ~isempty(regexp(method, '/(Get|List|Describe|Count|Check|Explain|Plan|Fetch)[^/]*$', 'once'));
        if ~strcmp(trouble.identifier, 'levada:Unavailable') || ~reads || toc(begun) + wait > seconds || ...
                ~levada.internal.gateway('answered', channel)
            rethrow(trouble);
        end
    end
    pause(wait);
    wait = 2 * wait;
end
end
