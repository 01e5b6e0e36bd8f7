function again = failJob(connection, job, failure, patienceSeconds)
%FAILJOB Record that a make failed. Return whether it will be tried again, because its code was not at fault.
%
%   failure  the error of the make: a struct or exception with message, identifier and stack

[~, kind] = strtok(failure.identifier, ':');
kind = strrep(kind, ':', '');
if isempty(kind)
    kind = 'error';
end
request = struct('name', job.lease.table, 'job_id', job.lease.job_id, 'lease_token', job.lease.lease_token);
request.error = struct('type', kind, 'message', storable(failure.message), 'stack', storable(stackText(failure)));
request.duration = levada.internal.values.durationMessage(job.seconds);
request.interrupted = levada.internal.errors.isTransient(failure);
answer = levada.internal.calls.repeatCall(@() levada.internal.api.failJob(connection, request), patienceSeconds, ...
    @levada.internal.errors.isTransient);
again = request.interrupted && strcmp(answer.state, 'JOB_STATE_PENDING');
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
