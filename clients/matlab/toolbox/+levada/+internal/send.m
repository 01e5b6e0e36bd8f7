function response = send(connection, method, requests)
%SEND Call a method that takes a stream and gives one message.
%   RESPONSE = SEND(CONNECTION, METHOD, REQUESTS) takes a cell of structs. The call is never repeated.

id = levada.internal.gateway('start', connection.Channel, method, [], levada.internal.deadline(method));
cleanup = onCleanup(@() levada.internal.gateway('cancel', id));
for i = 1:numel(requests)
    levada.internal.push(id, requests{i});
end
while ~levada.internal.gateway('closeSend', id)
end
response = levada.internal.await(id);
end
