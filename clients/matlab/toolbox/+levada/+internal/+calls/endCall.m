function endCall(id)
%ENDCALL End a call that is done: raise its error, or warn of what the server said.

levada.internal.calls.warnUser(levada.internal.calls.gateway('finish', id));
end
