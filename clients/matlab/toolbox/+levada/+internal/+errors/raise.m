function raise(failure)
%RAISE Raise a caught error, or the error that an answer of the server carries as a struct.

if ~isstruct(failure)
    rethrow(failure)
elseif isfield(failure, 'call_id')
    levada.internal.calls.gateway('raise', failure.reason, failure.message, failure.call_id);
else
    % Without a stack: MATLAB and Octave want other fields in it.
    error(struct('message', failure.message, 'identifier', failure.identifier));
end
end
