function responses = receiveStream(connection, method, request)
%RECEIVESTREAM Call a method that answers with a stream, and read it to its end.
%   RESPONSES = RECEIVESTREAM(CONNECTION, METHOD, REQUEST) returns a cell row of structs. It is repeated as a whole, as
%   CALL is.

channel = connection.Channel;
try
    responses = once(channel, method, request);
catch failure
    attempt = @() once(channel, method, request);
    responses = levada.internal.calls.repeatIfLost(failure, channel, method, request, attempt, []);
end
end

function responses = once(channel, method, request)
id = levada.internal.calls.gateway('start', channel, method, request);
cleanup = onCleanup(@() levada.internal.calls.gateway('cancel', id));
responses = {};
state = 'pending';
while ~strcmp(state, 'done')
    [state, message] = levada.internal.calls.gateway('poll', id, 0.1);
    if strcmp(state, 'message')
        responses{end + 1} = message; %#ok<AGROW>
    end
end
levada.internal.calls.endCall(id);
end
