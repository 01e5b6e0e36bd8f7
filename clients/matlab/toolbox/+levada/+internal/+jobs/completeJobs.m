function [errors, unready] = completeJobs(connection, made, patienceSeconds)
%COMPLETEJOBS Complete jobs, each by itself: jobs with few rows in groups, the others with their rows in pieces.
%
%   [errors, unready] = completeJobs(connection, made, patienceSeconds)
%
%   made     cell of jobs as levada.internal.jobs.runJob returns them
%   errors   cell: [] for each committed job, else the error as a struct with identifier, message and stack
%   unready  whether each inserted nothing, so that it is asked again later

errors = repmat({''}, size(made));  % '' for errors that are not known yet
unready = false(size(made));
sizes = cellfun(@(job) job.byte_count, made);
isSmall = sizes <= double(connection.Limits.few_jobs_bytes);
levada.internal.calls.repeatCall(@completeMissing, patienceSeconds, @levada.internal.errors.isTransient);

    function completeMissing()
        isMissing = cellfun(@ischar, errors);
        passing = [];
        for members = callsOf(find(isMissing & isSmall), sizes, connection.Limits)
            passing = settle(members{1}, fewJobs(connection, made(members{1})), passing);
        end
        members = find(isMissing & ~isSmall);
        if ~isempty(members)
            passing = settle(members, largeJobs(connection, made(members)), passing);
        end
        if ~isempty(passing)
            levada.internal.errors.raise(passing);
        end
    end

    function passing = settle(members, outcomes, passing)
        for index = 1:numel(members)
            failure = failureOf(outcomes{index});
            if ~isempty(failure) && levada.internal.errors.isTransient(failure)
                passing = failure;
            else
                errors{members(index)} = failure;
                unready(members(index)) = outcomes{index}.unready;
            end
        end
    end
end

function calls = callsOf(members, sizes, limits)
% Divide jobs with few rows among calls.
calls = {};
bytes = 0;
for index = members
    bytes = bytes + sizes(index);
    if isempty(calls) || numel(calls{end}) >= limits.completion_jobs || bytes > limits.few_jobs_bytes
        calls{end + 1} = []; %#ok<AGROW>
        bytes = sizes(index);
    end
    calls{end}(end + 1) = index;
end
end

function outcomes = fewJobs(connection, jobs)
% Jobs whose inserts are alike share streams of rows.
[~, ~, group] = unique(cellfun(@likenessOf, jobs, 'UniformOutput', false));
groups = cell(1, max(group));
order = [];
for number = 1:numel(groups)
    members = reshape(find(group == number), 1, []);
    groups{number} = groupOf(jobs(members));
    order = [order, members]; %#ok<AGROW>
end
response = levada.internal.api.completeFewJobs(connection, struct('groups', {groups}));
outcomes(order) = response.outcomes;
end

function text = likenessOf(job)
% Equal for jobs whose inserts do the same with rows of the same columns.
texts = cell(1, numel(job.inserts));
for index = 1:numel(texts)
    insert = job.inserts{index};
    options = struct2cell(insert.rows.options);
    texts{index} = [levada.internal.schema.fullName(insert.rows.name), sprintf('%d', options{:}), ...
        insert.rows.location, char(insert.pieces{1}(1:columnsEnd(insert.pieces{1})))];
end
text = ['', texts{:}];
end

function message = groupOf(jobs)
message = struct('jobs', {cellfun(@(job) job.header, jobs, 'UniformOutput', false)}, 'inserts', {{}});
for index = 1:numel(jobs{1}.inserts)
    alike = cellfun(@(job) job.inserts{index}, jobs, 'UniformOutput', false);
    message.inserts{index} = struct('rows', alike{1}.rows, 'arrow_ipc', joined(alike), ...
        'row_counts', cellfun(@(insert) insert.row_count, alike));
end
end

function stream = joined(inserts)
% Arrow streams with the same columns as one: their columns, the rows of each, and the end.
endBytes = 8;
streams = cellfun(@(insert) [insert.pieces{:}], inserts, 'UniformOutput', false);
begin = columnsEnd(streams{1});
rows = cellfun(@(stream) stream(begin + 1:end - endBytes), streams, 'UniformOutput', false);
stream = [streams{1}(1:begin), rows{:}, streams{1}(end - endBytes + 1:end)];
end

function place = columnsEnd(stream)
% The end of the message that describes the columns: it has a mark, its length, and then as many bytes.
place = 8 + double(typecast(stream(5:8), 'uint32'));
end

function outcomes = largeJobs(connection, jobs)
messages = cellfun(@levada.internal.jobs.jobMessages, jobs, 'UniformOutput', false);
response = levada.internal.api.completeJobs(connection, [messages{:}]);
outcomes = response.outcomes;
end

function failure = failureOf(outcome)
failure = [];
if isfield(outcome, 'error')
    noStack = struct('file', {}, 'name', {}, 'line', {});
    failure = struct('message', outcome.error.message, 'stack', noStack, ...
        'identifier', outcome.error.identifier);
end
end
