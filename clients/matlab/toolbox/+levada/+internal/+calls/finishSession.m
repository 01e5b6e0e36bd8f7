function finishSession(session)
%FINISHSESSION End the stream of a transaction that was committed, and show the server's warnings.
%   The commit stands, whatever happens to the stream.

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
