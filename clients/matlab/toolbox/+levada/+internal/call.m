function response = call(connection, method, request, seconds)
%CALL Call a method that takes and gives one message.
%   RESPONSE = CALL(CONNECTION, '/levada_api.v1.QueryService/CountRelation', REQUEST)
%   RESPONSE = CALL(CONNECTION, METHOD, REQUEST, SECONDS)
%
%   CONNECTION has the property Channel, an id of the gateway's. REQUEST and RESPONSE are structs with the fields of
%   the messages. SECONDS is the time until levada:DeadlineExceeded; by default long enough for the method's work.
%   Errors are levada:Reason. A read is repeated for some seconds while the server is out of reach.

if nargin < 4
    seconds = levada.internal.deadline(method);
end
attempt = @() once(connection.Channel, method, request, seconds);
response = levada.internal.retry(connection.Channel, method, attempt, min(seconds, 10));
end

function response = once(channel, method, request, seconds)
id = levada.internal.gateway('start', channel, method, request, seconds);
cleanup = onCleanup(@() levada.internal.gateway('cancel', id));
response = levada.internal.await(id);
end
