function job = makeOne(connection, table, lease)
% makeOne  Run a table's make for the key of a lease.
%
%   job  a struct with lease, key, seconds, inserts (messages of CompleteJobs) and error ([] if it made it)

key = levada.internal.leaseKey(connection, lease);
buffer = levada.internal.InsertBuffer(connection, lease);
job = struct('lease', lease, 'key', key, 'seconds', 0, 'inserts', {{}}, 'error', []);
before = levada.internal.makeScope(buffer);
restore = onCleanup(@() levada.internal.makeScope(before));
started = tic();
try
    table.runMake(key);
    job.inserts = buffer.requests();
catch failure
    job.error = failure;
end
job.seconds = toc(started);
end
