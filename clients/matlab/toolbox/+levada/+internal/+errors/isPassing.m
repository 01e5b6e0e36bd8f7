function answer = isPassing(failure)
% isPassing  Tell whether the same call may succeed later.

answer = any(strcmp(failure.identifier, {'levada:Unavailable', 'levada:OutcomeUnknown', 'levada:Conflict'}));
end
