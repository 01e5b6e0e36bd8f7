function [failedKeys, errors] = populate(table, inputs, defaults)
%POPULATE Compute the missing entities of a table; see levada.AutoPopulate/populate.
%
%   defaults  struct with the options SuppressErrors and ReserveJobs, if none are given

[restrictions, named] = levada.internal.inputs.takeOptions(inputs, struct('MaxCalls', Inf, 'Display', false, ...
    'Progress', false, 'Patience', 60, 'Stale', false, 'SuppressErrors', defaults.SuppressErrors, ...
    'ReserveJobs', defaults.ReserveJobs, 'Priority', [], 'Refresh', true, 'Order', 'original', 'Limit', Inf, ...
    'Keys', [], 'MakeInputs', {{}}, 'Prefetch', true));
checkMake(table);
checkWhole(table, 'populate');
connection = conn(table);
levada.internal.schema.declareParts(table);
name = tableName(table);
if isstruct(named.Keys)  % also if there are none
    restrictions{end + 1} = named.Keys;
end
source = sourceFor(table, restrictions);
if named.Refresh
    refresh = struct('name', name, 'retry_errors', ~named.ReserveJobs, 'ask_unready', true);
    if isa(source, 'levada.Relation')
        refresh.key_source = source.message();
    end
    if ~isempty(named.Priority)
        refresh.priority = named.Priority;
    end
    levada.internal.api.refreshJobs(connection, refresh);
end
session = levada.internal.jobs.WorkerSession(connection);
ending = session.closing();
called = 0;
failedKeys = [];
errors = struct('message', {}, 'identifier', {}, 'stack', {});
limits = struct('patience', named.Patience, 'maxJobs', named.MaxCalls, 'waitSeconds', 0, ...
    'makeInputs', {named.MakeInputs}, 'prefetch', named.Prefetch);
tables = containers.Map('KeyType', 'char', 'ValueType', 'any');
tables(levada.internal.schema.fullName(name)) = table;
selection = levada.internal.jobs.Selection(table, source, named);
progress = [];
if named.Progress
    progress = levada.internal.inputs.Progress(class(table), selection.pendingCount(named.MaxCalls));
end
levada.internal.jobs.runJobs(session, tables, @() selection.reservation(), limits, @report);
if named.Stale && called < named.MaxCalls
    results = stale(table);
    if isa(source, 'levada.Relation')
        results = results & proj(source);
    end
    levada.internal.jobs.recomputeEach(table, results, struct(), named.MakeInputs, @replace);
end
finishProgress();

    function finishProgress()
        if ~isempty(progress)
            progress.finish();
        end
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
            levada.internal.inputs.showNow('%s %s %s %.3f s\n', outcome.state, class(table), ...
                levada.internal.values.shownJson(outcome.key), outcome.seconds);
        end
        if ~isempty(progress) && ~strcmp(outcome.state, 'released')
            progress.advance(strcmp(outcome.state, 'error'));
        end
        if strcmp(outcome.state, 'error')
            if ~named.SuppressErrors
                finishProgress();
                levada.internal.errors.raise(outcome.error);
            end
            failedKeys = [failedKeys; outcome.key];
            errors(end + 1, 1) = struct('message', outcome.error.message, 'identifier', outcome.error.identifier, ...
                'stack', outcome.error.stack);
        end
    end
end
