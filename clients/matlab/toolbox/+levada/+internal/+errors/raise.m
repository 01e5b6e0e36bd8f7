function raise(failure)
%RAISE Raise a caught error, or the error that a struct with message and identifier describes.

if isstruct(failure)
    % Without a stack: MATLAB and Octave want other fields in it.
    error(struct('message', failure.message, 'identifier', failure.identifier));
end
rethrow(failure)
end
