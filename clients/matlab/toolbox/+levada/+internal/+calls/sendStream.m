function response = sendStream(connection, method, requests)
%SENDSTREAM Call a method that takes a stream and gives one message.
%   RESPONSE = SENDSTREAM(CONNECTION, METHOD, REQUESTS) takes a cell of structs. If the header among them carries a
%   request_id, under which the call has one effect, it is repeated as CALL does.

try
    response = once(connection.Channel, method, requests);
catch trouble
    if ~hasId(requests)
        rethrow(trouble);
    end
    attempt = @() once(connection.Channel, method, requests);
    response = levada.internal.calls.retry(trouble, connection.Channel, attempt, []);
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

function answer = hasId(requests)
header = requests{1};
answer = isfield(header, 'header') && isfield(header.header, 'request_id') && ~isempty(header.header.request_id);
end
