function recomputeEach(table, results, tolerance, makeInputs, report)
%RECOMPUTEEACH Compute results again beside what is stored, one after the other, and compare each.
%
%   recomputeEach(table, results, tolerance, makeInputs, report)
%
%   table      the whole table
%   results    a relation with attributes of the key of its jobs; [] for all results
%   tolerance  struct: the largest absolute difference that counts as none, by attribute
%   makeInputs cell of further inputs of make
%   report     function of a job, as levada.internal.jobs.runJob returns it, and of its differences, as
%              levada.internal.jobs.differences does; false ends it

connection = conn(table);
levada.internal.schema.declareParts(table);
name = tableName(table);
own = ownTables(connection, name);
mostLeases = double(connection.Limits.jobs);
request = struct('name', name, 'after_job_id', int64(0), 'max_results', mostLeases);
if isa(results, 'levada.Relation')
    request.results = results.message();
end
leases = cell(1, mostLeases);
while numel(leases) == mostLeases
    leases = {};
    response = levada.internal.api.leaseResults(connection, request);
    if isfield(response, 'leases')
        leases = response.leases;
    end
    code = levada.internal.jobs.codeDigest(table);
    for found = leases
        lease = found{1};
        job = levada.internal.jobs.runJob(connection, table, lease, code, @(~) false, true, makeInputs, [], ...
            {});
        compared = levada.internal.jobs.differences();
        if isempty(job.error)
            compared = compare(connection, own, job, tolerance);
        end
        if ~report(job, compared)
            return
        end
        request.after_job_id = lease.job_id;
    end
end
end

function own = ownTables(connection, name)
% The table and its parts, as the catalog has them.
table = connection.describeTable(name);
every = levada.internal.calls.listPages(connection, @levada.internal.api.listTables, 'tables', ...
    struct('schema', table.name.schema));
prefix = [table.name.table '.'];
own = every(cellfun(@(t) strcmp(t.name.table, table.name.table) || strncmp(t.name.table, prefix, numel(prefix)), every));
end

function found = compare(connection, own, job, tolerance)
found = levada.internal.jobs.differences();
for target = own
    table = target{1};
    fullName = levada.internal.schema.fullName(table.name);
    rows = levada.FreeTable(connection, [table.name.schema '.' table.name.table]) & job.key;
    stored = levada.internal.query.fetchResult(rows, {'*', 'Exact', true});
    made = job.made(cellfun(@(m) strcmp(levada.internal.schema.fullName(m.name), fullName), job.made));
    parts = cellfun(@(m) m.parts, made, 'UniformOutput', false);
    found = [found, levada.internal.jobs.differences(table, stored, [parts{:}], tolerance, job.hashes)]; %#ok<AGROW>
end
end
