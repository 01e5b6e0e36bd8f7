function response = call(connection, method, request, seconds)
%CALL Call a method that takes and returns one message.
%   RESPONSE = CALL(CONNECTION, '/levada_api.v1.QueryService/CountRelation', REQUEST)
%   RESPONSE = CALL(CONNECTION, METHOD, REQUEST, SECONDS)
%
%   CONNECTION has the property Channel, an id of the gateway's. REQUEST and RESPONSE are structs with the fields of
%   the messages. SECONDS is the time until levada:DeadlineExceeded; by default long enough for the method's work.
%   Errors are levada:Reason. A request that may be sent again is repeated for some seconds while the server is out of
%   reach; see ISREPEATABLE.

if nargin < 4
    seconds = [];
end
channel = connection.Channel;
try
    % Straight to the MEX file: each function on the way would add a tenth to a small call.
    [id, response, warnings] = levada.internal.calls.levada_gateway('call', channel, method, request, seconds);
    if id ~= 0
        response = rest(id);
    elseif ~isempty(warnings)
        levada.internal.calls.warnUser(warnings);
    end
catch failure
    failure = levada.internal.errors.ofGateway(failure);
    attempt = @() once(channel, method, request, seconds);
    response = levada.internal.calls.repeatIfLost(failure, channel, method, request, attempt, seconds);
end
end

function response = once(channel, method, request, seconds)
[id, response, warnings] = levada.internal.calls.gateway('call', channel, method, request, seconds);
if id ~= 0
    response = rest(id);
else
    levada.internal.calls.warnUser(warnings);
end
end

function response = rest(id)
cleanup = onCleanup(@() levada.internal.calls.gateway('cancel', id));
response = levada.internal.calls.awaitResponse(id);
end
