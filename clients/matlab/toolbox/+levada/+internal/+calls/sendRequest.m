function sendRequest(id, request)
%SENDREQUEST Send the next request of a stream, once the one before is on its way.

while ~levada.internal.calls.gateway('send', id, request)
end
end
