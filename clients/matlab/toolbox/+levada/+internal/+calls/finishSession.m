function finishSession(session)
%FINISHSESSION End the stream of a transaction that was committed, and warn of what the server said in it.
%   What was committed stays so, whatever happens to the stream.

try
    while ~levada.internal.calls.gateway('closeSend', session.Call)
    end
    levada.internal.calls.awaitResponse(session.Call);
catch failure
    if ~strncmp(failure.identifier, 'levada:', 7)
        rethrow(failure)
    end
end
end
