function runJobs(session, tables, reservation, limits, report)
%RUNJOBS Reserve, make and complete jobs until there are none; release jobs that were not begun.
%
%   runJobs(session, tables, reservation, limits, report)
%
%   session      a levada.internal.jobs.WorkerSession
%   tables       containers.Map of the tables to compute, by full name
%   reservation  function that returns the fields of ReserveJobsRequest that say which jobs ([] ends it), and whether to
%                end if there are none
%   limits       a struct with patience (seconds to keep trying to hand in a result while the server is out of reach),
%                maxJobs, waitSeconds (how long to wait for a job), makeInputs (a cell of further inputs of make) and prefetch
%                (whether to fetch the inputs of several jobs at once, as far as their classes allow it)
%   report       function of an outcome: a struct with state ('success', 'unready', 'error', 'lost' or 'released'),
%                key, seconds, error; false ends it

prefetches = containers.Map('KeyType', 'char', 'ValueType', 'any');  % by table
batchSeconds = 0.5;  % short computations share calls, long ones are reserved one by one
batchJobs = 1;
remaining = limits.maxJobs;
told = session.Connection.Limits;
mostJobs = double(min(told.completion_jobs, told.jobs));  % a batch is completed together
goOn = true;
while goOn && remaining > 0
    [request, isLast] = reservation();
    if isempty(request)
        return
    end
    request.max_jobs = min(batchJobs, remaining);
    request.wait_duration = levada.internal.values.durationMessage(limits.waitSeconds);
    leases = session.reserve(request);
    if isempty(leases) && isLast
        return
    end
    if ~isempty(leases)
        started = tic();
        [goOn, made] = runBatch(session, tables, leases, limits, report, prefetches);
        remaining = remaining - made;
        fitting = floor(batchSeconds / max(toc(started) / max(made, 1), 1e-6));
        batchJobs = max(1, min([fitting, 2 * batchJobs, mostJobs]));
    end
end
end

function [goOn, number] = runBatch(session, tables, leases, limits, report, prefetches)
heldSeconds = 1;    % after that time, jobs of a batch that were not begun are released
commitSeconds = 0.5;  % results are committed together, but wait no longer than this
held = levada.internal.jobs.HeldLeases(session.Connection, leases);
giveBack = onCleanup(@() held.release());
codes = containers.Map();  % by table; whether a file has changed is asked once for each batch
made = {};
bytes = 0;
mostBytes = double(session.Connection.Limits.completion_bytes);
number = 0;
goOn = true;
started = tic();
committed = tic();
for index = 1:numel(leases)
    if ~goOn || toc(started) > heldSeconds
        break
    end
    lease = leases{index};
    name = levada.internal.schema.fullName(lease.table);
    if ~isKey(codes, name)
        codes(name) = levada.internal.jobs.codeDigest(tables(name));
    end
    job = levada.internal.jobs.runJob(session.Connection, tables(name), lease, codes(name), @(token) session.isCancelled(token), false, ...
        limits.makeInputs, prefetchOf(prefetches, session.Connection, tables(name), name, limits), leases(index:end));
    number = number + 1;
    isSettled = ~isempty(job.error) || job.committed;
    if ~isSettled
        made{end + 1} = job; %#ok<AGROW>
        bytes = bytes + job.byte_count;
    end
    if isSettled || toc(committed) > commitSeconds || bytes >= mostBytes
        goOn = commit(session.Connection, made, held, limits, report);
        made = {};
        bytes = 0;
        committed = tic();
    end
    if isSettled
        goOn = settle(session.Connection, job, job.error, job.unready, held, limits, report) && goOn;
    end
end
cellfun(@(p) p.forgetAnswers(), values(prefetches));
goOn = commit(session.Connection, made, held, limits, report) && goOn;
end

function prefetch = prefetchOf(prefetches, connection, table, name, limits)
% Return what was learned of the reads of a table, or [] if its inputs are not to be fetched ahead.
prefetch = [];
if limits.prefetch && ~(isprop(table, 'prefetch') && ~table.prefetch)
    if ~isKey(prefetches, name)
        prefetches(name) = levada.internal.jobs.Prefetch(connection);
    end
    prefetch = prefetches(name);
end
end

function goOn = commit(connection, made, held, limits, report)
goOn = true;
if isempty(made)
    return
end
[errors, unready] = levada.internal.jobs.completeJobs(connection, made, limits.patience);
for index = 1:numel(made)
    goOn = settle(connection, made{index}, errors{index}, unready(index), held, limits, report) && goOn;
end
end

function goOn = settle(connection, job, failure, unready, held, limits, report)
% Report an error to the server if it does not know it, and the outcome of the job to the caller.
state = 'success';
if unready
    state = 'unready';
elseif ~isempty(failure) && ~isLost(failure)
    state = 'error';
    try
        if levada.internal.jobs.failJob(connection, job, failure, limits.patience)
            state = 'released';
        end
    catch lost
        if isLost(lost)
            state = 'lost';
        elseif ~levada.internal.errors.isRefusal(lost)  % else the table, or the right to compute it, is gone
            rethrow(lost)
        end
    end
elseif ~isempty(failure)
    state = 'lost';
end
held.settled(job.lease);
goOn = report(struct('state', state, 'table', job.lease.table, 'key', job.key, 'seconds', job.seconds, 'error', ...
    {failure}));
end

function answer = isLost(failure)
answer = any(strcmp(failure.identifier, {'levada:LeaseLost', 'levada:UnknownJob'}));
end
