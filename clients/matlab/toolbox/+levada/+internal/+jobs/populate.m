function [failedKeys, errors] = populate(table, inputs, suppressErrors, retryErrors)
%POPULATE Compute the missing entities of a table; see levada.AutoPopulate/populate.
%
%   suppressErrors  go on after an error
%   retryErrors     try keys again that failed before

[restrictions, named] = takeOptions(inputs);
checkMake(table);
checkWhole(table, 'populate');
connection = conn(table);
levada.internal.schema.declareParts(table);
name = tableName(table);
source = sourceFor(table, restrictions);
refresh = struct('name', name, 'retry_errors', retryErrors, 'ask_unready', true);
reservation = struct('names', {{name}}, 'except_unready', true);
if isa(source, 'levada.Relation')
    refresh.key_source = source.message();
    wanted = jobs(table) & proj(source);
    reservation.restriction = wanted.message();
end
connection.request('JobService/RefreshJobs', refresh);
session = levada.internal.jobs.WorkerSession(connection);
ending = onCleanup(@() session.close());
called = 0;
failedKeys = [];
errors = struct('message', {}, 'identifier', {}, 'stack', {});
limits = struct('patience', named.Patience, 'maxJobs', named.MaxCalls, 'waitSeconds', 0);
tables = containers.Map('KeyType', 'char', 'ValueType', 'any');
tables(levada.internal.schema.fullName(name)) = table;
levada.internal.jobs.runJobs(session, tables, @() reservation, limits, @report);
if named.Stale && called < named.MaxCalls
    results = stale(table);
    if isa(source, 'levada.Relation')
        results = results & proj(source);
    end
    levada.internal.jobs.recomputeEach(table, results, struct(), @replace);
end

    function goOn = replace(job, differences)
        state = 'success';
        if isempty(job.error)
            done = levada.Recomputation(connection, class(table));
            done.take(job, differences);
            try
                done.confirm();
            catch failure
                job.error = failure;
            end
        end
        if ~isempty(job.error)
            state = 'error';
        end
        report(struct('state', state, 'table', name, 'key', job.key, 'seconds', job.seconds, 'error', {job.error}));
        goOn = called < named.MaxCalls;
    end

    function goOn = report(outcome)
        goOn = true;
        called = called + 1;
        if named.Display
            fprintf('%s %s %s %.3f s\n', outcome.state, class(table), jsonencode(outcome.key), outcome.seconds);
        end
        if strcmp(outcome.state, 'error')
            if ~suppressErrors
                levada.internal.errors.raise(outcome.error);
            end
            failedKeys = [failedKeys; outcome.key];
            errors(end + 1, 1) = struct('message', outcome.error.message, 'identifier', outcome.error.identifier, ...
                'stack', outcome.error.stack);
        end
    end
end

function [restrictions, named] = takeOptions(inputs)
defaults = struct('MaxCalls', Inf, 'Display', false, 'Patience', 60, 'Stale', false);
restrictions = inputs;
named = defaults;
for name = reshape(fieldnames(defaults), 1, [])
    [restrictions, named.(name{1})] = levada.internal.inputs.takeOption(restrictions, name{1}, defaults.(name{1}));
end
end
