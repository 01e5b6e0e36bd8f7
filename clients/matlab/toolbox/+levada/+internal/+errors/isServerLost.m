function answer = isServerLost(failure)
%ISSERVERLOST Return whether a failure says that the server was out of reach.

answer = any(strcmp(failure.identifier, {'levada:Unavailable', 'levada:OutcomeUnknown'}));
end
