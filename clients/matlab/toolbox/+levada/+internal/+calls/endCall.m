function endCall(id)
%ENDCALL End a call that is done: raise its error, or tell what the server warns of.

told = levada.internal.calls.gateway('finish', id);
if ~isempty(told)
    warning('levada:Warning', '%s', told);
end
end
