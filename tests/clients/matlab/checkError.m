function failure = checkError(reason, action)
%CHECKERROR Fail the test where an action does not raise levada:<reason>; give the error.

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
