function answer = isTransient(failure)
%ISTRANSIENT Return whether the same call may succeed later.

answer = levada.internal.errors.isServerLost(failure) || strcmp(failure.identifier, 'levada:Conflict');
end
