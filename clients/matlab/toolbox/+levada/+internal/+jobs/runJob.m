function job = runJob(session, table, lease)
%RUNJOB Run a table's make for the key of a lease.
%
%   job  a struct with lease, key, seconds, header and inserts (messages of CompleteJobs), committed (whether it was
%        completed in its own transaction), unready (whether that inserted nothing) and error ([] if its make succeeded)

connection = session.Connection;
key = levada.internal.jobs.leaseKey(connection, lease);
code = levada.internal.jobs.codeDigest(table);
work = levada.internal.jobs.JobWork(connection, lease, @(token) session.isCancelled(token), code);
job = struct('lease', lease, 'key', key, 'seconds', 0, 'header', struct(), 'inserts', {{}}, 'committed', false, ...
    'unready', false, 'error', []);
before = levada.internal.jobs.currentWork(work);
restore = onCleanup(@() levada.internal.jobs.currentWork(before));
undo = onCleanup(@() work.abandon());
started = tic();
try
    table.runMake(key);
    job.seconds = toc(started);
    job.inserts = work.requests();
    job.header = work.header(job.seconds);
    [job.committed, job.unready] = work.finish(job.seconds);
catch failure
    job.seconds = toc(started);
    job.error = failure;
end
end
