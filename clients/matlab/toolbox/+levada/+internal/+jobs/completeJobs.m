function [errors, unready] = completeJobs(connection, made, patienceSeconds)
%COMPLETEJOBS Complete jobs, each by itself.
%
%   [errors, unready] = completeJobs(connection, made, patienceSeconds)
%
%   made     cell of jobs as levada.internal.jobs.runJob returns them
%   errors   cell: [] for each committed job, else the error as a struct with identifier, message and stack
%   unready  whether each inserted nothing, so that it is asked again later

errors = repmat({''}, size(made));  % '' for errors that are not known yet
unready = false(size(made));
levada.internal.calls.repeatCall(@completeMissing, patienceSeconds, @levada.internal.errors.isTransient);

    function completeMissing()
        missing = find(cellfun(@ischar, errors));
        messages = cell(1, numel(missing));
        for index = 1:numel(missing)
            messages{index} = jobMessages(made{missing(index)});
        end
        response = levada.internal.api.completeJobs(connection, [messages{:}]);
        passing = [];
        for index = 1:numel(missing)
            failure = failureOf(response.outcomes{index});
            if ~isempty(failure) && levada.internal.errors.isTransient(failure)
                passing = failure;
            else
                errors{missing(index)} = failure;
                unready(missing(index)) = response.outcomes{index}.unready;
            end
        end
        if ~isempty(passing)
            levada.internal.errors.raise(passing);
        end
    end
end

function messages = jobMessages(job)
messages = [{struct('job', job.header)}, job.inserts];
end

function failure = failureOf(outcome)
failure = [];
if isfield(outcome, 'error')
    noStack = struct('file', {}, 'name', {}, 'line', {});
    failure = struct('message', outcome.error.message, 'stack', noStack, ...
        'identifier', outcome.error.identifier);
end
end
