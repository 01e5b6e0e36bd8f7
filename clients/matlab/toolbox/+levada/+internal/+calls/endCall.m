function endCall(id)
%ENDCALL End a finished call: raise its error, or show the server's warnings.

levada.internal.calls.warnUser(levada.internal.calls.gateway('finish', id));
end
