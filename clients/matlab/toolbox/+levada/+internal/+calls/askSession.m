function answers = askSession(session, requests)
%ASKSESSION Make one request of a session, and read all its answers.
%   ANSWERS = ASKSESSION(SESSION, REQUESTS) takes a cell of OpenSessionRequests; all but the last have `more` set.
%   ANSWERS is a cell row of OpenSessionResponses. The caller raises an `error` among them: the session goes on.

if session.Busy
    levada.internal.calls.endSession(session);
    levada.internal.errors.fail('Cancelled', ...
        'The transaction was interrupted, so its changes were undone. Call cancelTransaction, and begin it again.');
end
session.Busy = true;
for i = 1:numel(requests)
    levada.internal.calls.sendRequest(session.Call, requests{i});
end
answers = {};
more = true;
while more
    [state, message] = levada.internal.calls.gateway('poll', session.Call, 0.1);
    switch state
        case 'message'
            answers{end + 1} = message; %#ok<AGROW>
            more = message.more;
        case 'done'
            levada.internal.calls.endCall(session.Call);
            error('levada:Unavailable', 'The server ended the stream.');
    end
end
session.Busy = false;
end
