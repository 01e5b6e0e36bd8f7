function response = awaitResponse(id)
%AWAITRESPONSE Wait for the end of a call, and give its response.
%   RESPONSE = AWAITRESPONSE(ID) raises the call's error. Ctrl-C is heard within a tenth of a second; the caller cancels then.

state = 'pending';
while ~strcmp(state, 'done')
    [state, response] = levada.internal.calls.gateway('poll', id, 0.1);
end
levada.internal.calls.endCall(id);
end
