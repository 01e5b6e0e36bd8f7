function endSession(session)
%ENDSESSION End the stream of a transaction; what was not committed is rolled back. Ending it twice does nothing.

levada.internal.calls.gateway('cancel', session.Call);
end
