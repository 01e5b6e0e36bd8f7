function again = failJob(connection, job, failure, patienceSeconds)
%FAILJOB Record that a make failed. Return whether it will be tried again, because its code was not at fault.
%
%   failure  the error of the make: a struct or exception with message, identifier and stack

request = struct('name', job.lease.table, 'job_id', job.lease.job_id, 'lease_token', job.lease.lease_token);
request.error = levada.internal.jobs.errorMessage(failure);
request.duration = levada.internal.values.durationMessage(job.seconds);
request.interrupted = levada.internal.errors.isTransient(failure);
answer = levada.internal.calls.repeatCall(@() levada.internal.api.failJob(connection, request), patienceSeconds, ...
    @levada.internal.errors.isTransient);
again = request.interrupted && strcmp(answer.state, 'JOB_STATE_PENDING');
end
