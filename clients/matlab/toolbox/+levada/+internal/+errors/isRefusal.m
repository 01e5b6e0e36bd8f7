function answer = isRefusal(failure)
%ISREFUSAL Return whether a failure is an error of Levada that does not pass.

answer = strncmp(failure.identifier, 'levada:', 7) && ~levada.internal.errors.isTransient(failure);
end
