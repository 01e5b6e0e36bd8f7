function message = errorMessage(failure)
%ERRORMESSAGE Return the protocol's message of an error that the user's code raised.
%
%   failure  a struct or exception with message, identifier and stack

[~, kind] = strtok(failure.identifier, ':');
kind = strrep(kind, ':', '');
if isempty(kind)
    kind = 'error';
end
message = struct('type', kind, 'message', storable(failure.message), 'stack', storable(stackText(failure)));
end

function text = stackText(failure)
lines = arrayfun(@(s) sprintf('    in %s (%s, line %d)', s.name, s.file, s.line), reshape(failure.stack, 1, []), ...
    'UniformOutput', false);
last = levada.internal.calls.gateway('lastError');
if ~isempty(last.call_id) && strcmp(last.message, failure.message)
    lines{end + 1} = sprintf('The server''s log has this as call %s.', last.call_id);
end
text = strjoin([{[failure.identifier ': ' failure.message]}, lines], char(10));
end

function text = storable(text)
% A database stores no NUL, and messages are cut to a length.
mostLetters = 2^18;
text = strrep(text, char(0), '\0');
text = text(1:min(end, mostLetters));
end
