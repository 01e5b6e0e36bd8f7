function job = runJob(connection, table, lease, isCancelled, isBeside, makeInputs)
%RUNJOB Run a table's make for the key of a lease.
%
%   isCancelled  function of a lease token: whether the job was cancelled
%   isBeside     whether a result is stored that this one is to be compared with: nothing may be written
%   makeInputs   cell of further inputs of make
%   job  a struct with lease, key, seconds, header and inserts (messages of CompleteJobs), made (the same inserts as
%        levada.internal.jobs.JobWork keeps them), committed (whether it was completed in its own transaction), unready
%        (whether that inserted nothing) and error ([] if its make succeeded)

key = levada.internal.jobs.leaseKey(connection, lease);
code = levada.internal.jobs.codeDigest(table);
work = levada.internal.jobs.JobWork(connection, lease, isCancelled, code, isBeside);
job = struct('lease', lease, 'key', key, 'seconds', 0, 'header', struct(), 'inserts', {{}}, 'made', {{}}, ...
    'committed', false, 'unready', false, 'error', []);
before = levada.internal.jobs.currentWork(work);
restore = onCleanup(@() levada.internal.jobs.currentWork(before));
undo = onCleanup(@() work.abandon());
started = tic();
try
    table.runMake(key, work, makeInputs);
    job.seconds = toc(started);
    job.inserts = work.requests();
    job.made = work.Inserts;
    job.header = work.header(job.seconds);
    [job.committed, job.unready] = work.finish(job.seconds);
catch failure
    job.seconds = toc(started);
    job.error = failure;
end
end
