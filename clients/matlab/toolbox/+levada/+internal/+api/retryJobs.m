function response = retryJobs(connection, request, seconds)
%RETRYJOBS Make jobs pending that failed or were ignored, with all attempts before them.
%   RESPONSE = RETRYJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.RetryJobs.
%
%   Request: RetryJobsRequest
%       name  TableName: The table.
%       jobs  Relation: Which jobs: a relation over its job table. Unset: all that failed.
%
%   Response: RetryJobsResponse
%       job_count  int64: How many.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.JobService/RetryJobs');
end
response = levada.internal.call(connection, '/levada_api.v1.JobService/RetryJobs', request, seconds);
end
