function response = sendStream(connection, method, requests)
%SENDSTREAM Call a method that takes a stream and returns one message.
%   RESPONSE = SENDSTREAM(CONNECTION, METHOD, REQUESTS) takes a cell of structs. It is repeated as CALL is.

channel = connection.Channel;
try
    response = once(channel, method, requests);
catch failure
    attempt = @() once(channel, method, requests);
    response = levada.internal.calls.repeatIfLost(failure, channel, method, requests{1}, attempt, []);
end
end

function response = once(channel, method, requests)
id = levada.internal.calls.gateway('start', channel, method, []);
cleanup = onCleanup(@() levada.internal.calls.gateway('cancel', id));
for i = 1:numel(requests)
    levada.internal.calls.sendRequest(id, requests{i});
end
while ~levada.internal.calls.gateway('closeSend', id)
end
response = levada.internal.calls.awaitResponse(id);
end
