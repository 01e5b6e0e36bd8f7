function job = runJob(connection, table, lease, code, isCancelled, isBeside, makeInputs, prefetch, waiting)
%RUNJOB Run a table's make for the key of a lease.
%
%   code         the digest of the code of the table's class
%   isCancelled  function of a lease token: whether the job was cancelled
%   isBeside     whether a result is stored that this one is to be compared with: nothing may be written
%   makeInputs   cell of further inputs of make
%   prefetch     the levada.internal.jobs.Prefetch of the table, which learns from its reads; [] for none
%   waiting      cell of the leases of the jobs that begin next, itself and others
%   job  a struct with lease, key, seconds, header (JobHeader), inserts (encoded), byte_count (of these), made (the same
%        inserts as levada.internal.jobs.JobWork keeps them), hashes (of its objects, by their ids), committed (whether it was completed in its own transaction), unready
%        (whether that inserted nothing) and error ([] if its make succeeded)

key = levada.internal.jobs.leaseKey(connection, lease);
work = levada.internal.jobs.JobWork(connection, lease, isCancelled, code, isBeside);
job = struct('lease', lease, 'key', key, 'seconds', 0, 'header', struct(), 'inserts', {{}}, 'byte_count', 0, 'made', {{}}, 'hashes', work.Hashes, ...
    'committed', false, 'unready', false, 'error', []);
before = levada.internal.jobs.currentWork(work);
restore = onCleanup(@() levada.internal.jobs.currentWork(before));
undo = onCleanup(@() work.abandon());
if ~isempty(prefetch)
    work.foresee(prefetch.answers(lease, waiting));
end
started = tic();
try
    table.runMake(key, work, makeInputs);
    job.seconds = toc(started);
    if ~isempty(prefetch)
        prefetch.learn(lease, work, job.seconds);
        if work.Open  % what later reads may find
            prefetch.startOver();
        end
    end
    job.inserts = work.encoded();
    job.byte_count = sum(cellfun(@(insert) sum(cellfun(@numel, insert.pieces)), job.inserts));
    job.made = work.Inserts;
    job.header = work.header(job.seconds);
    [job.committed, job.unready] = work.finish(job.seconds);
catch failure
    job.seconds = toc(started);
    job.error = failure;
end
end
