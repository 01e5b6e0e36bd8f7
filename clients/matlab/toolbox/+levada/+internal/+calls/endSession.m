function endSession(session)
%ENDSESSION End the stream of a transaction, which rolls back uncommitted changes. Ending it twice does nothing.

levada.internal.calls.gateway('cancel', session.Call);
end
