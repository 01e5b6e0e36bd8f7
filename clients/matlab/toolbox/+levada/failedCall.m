function id = failedCall()
%FAILEDCALL Return the id, in the server's log, of the last call that failed; '' if none has.
%
%   The person who runs the server finds the call by it.

id = levada.internal.calls.gateway('failedCall');
end
