function trouble = ofGateway(trouble)
%OFGATEWAY Return an error of the MEX file with the gateway's own message.
%
%   Octave puts the file's name before the message. Before R2020a, MATLAB reads it in the encoding of the system.

message = regexprep(trouble.message, '^levada_gateway: ', '');
if strncmp(trouble.identifier, 'levada:', 7)
    last = levada.internal.calls.levada_gateway('lastError');
    if strcmp(last.identifier, trouble.identifier)
        message = last.message;
    end
end
trouble = struct('message', message, 'identifier', trouble.identifier, 'stack', trouble.stack);
end
