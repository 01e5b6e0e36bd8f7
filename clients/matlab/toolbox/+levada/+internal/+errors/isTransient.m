function answer = isTransient(failure)
% isTransient  Tell whether the same call may succeed later.

answer = any(strcmp(failure.identifier, {'levada:Unavailable', 'levada:OutcomeUnknown', 'levada:Conflict'}));
end
