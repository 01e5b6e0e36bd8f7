function response = call(connection, method, request, seconds)
%CALL Call a method that takes and gives one message.
%   RESPONSE = CALL(CONNECTION, '/levada_api.v1.QueryService/CountRelation', REQUEST)
%   RESPONSE = CALL(CONNECTION, METHOD, REQUEST, SECONDS)
%
%   CONNECTION has the property Channel, an id of the gateway's. REQUEST and RESPONSE are structs with the fields of
%   the messages. SECONDS is the time until levada:DeadlineExceeded; by default long enough for the method's work.
%   Errors are levada:Reason. What only reads, or carries a request_id, under which it has one effect, is repeated for
%   some seconds while the server is out of reach.

if nargin < 4
    seconds = [];
end
channel = connection.Channel;
try
    % Straight to the MEX file: each function on the way would add a tenth to a small call.
    [id, response, told] = levada.internal.calls.levada_gateway('call', channel, method, request, seconds);
    if id ~= 0
        response = rest(id);
    elseif ~isempty(told)
        warning('levada:Warning', '%s', told);
    end
catch trouble
    trouble = levada.internal.errors.withoutMexName(trouble);
    if ~levada.internal.calls.isRead(method) && ~hasId(request)
        rethrow(trouble);
    end
    response = levada.internal.calls.retry(trouble, channel, @() once(channel, method, request, seconds), seconds);
end
end

function response = once(channel, method, request, seconds)
[id, response, told] = levada.internal.calls.gateway('call', channel, method, request, seconds);
if id ~= 0
    response = rest(id);
elseif ~isempty(told)
    warning('levada:Warning', '%s', told);
end
end

function response = rest(id)
cleanup = onCleanup(@() levada.internal.calls.gateway('cancel', id));
response = levada.internal.calls.awaitResponse(id);
end

function answer = hasId(request)
answer = isfield(request, 'request_id') && ~isempty(request.request_id);
end
