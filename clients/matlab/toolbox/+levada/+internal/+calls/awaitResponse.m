function response = awaitResponse(id)
%AWAITRESPONSE Wait for the end of a call, and return its response.
%   RESPONSE = AWAITRESPONSE(ID) raises the call's error. Ctrl-C interrupts it within a tenth of a second; then the
%   caller cancels.

state = 'pending';
while ~strcmp(state, 'done')
    [state, response] = levada.internal.calls.gateway('poll', id, 0.1);
end
levada.internal.calls.endCall(id);
end
