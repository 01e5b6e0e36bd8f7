function trouble = withoutMexName(trouble)
%WITHOUTMEXNAME Return an error of the MEX file without the file's name, which Octave puts before the message.

message = regexprep(trouble.message, '^levada_gateway: ', '');
trouble = struct('message', message, 'identifier', trouble.identifier, 'stack', trouble.stack);
end
