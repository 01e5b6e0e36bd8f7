function raise(failure)
% raise  Raise an error that was caught, or that a struct with message and identifier describes.

if isstruct(failure)
    % Without a stack: MATLAB and Octave want other fields in it.
    error(struct('message', failure.message, 'identifier', failure.identifier));
end
rethrow(failure)
end
