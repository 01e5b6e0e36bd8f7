function failure = checkError(reason, action)
%CHECKERROR Fail the test if an action does not raise levada:<reason>; return the error.

try
    action();
catch failure
    if ~strcmp(failure.identifier, ['levada:' reason])
        rethrow(failure)
    end
    return
end
error('test:failed', 'nothing raised levada:%s', reason);
end
