function response = cancelJobs(connection, request, seconds)
%CANCELJOBS Make errors of jobs that are reserved: their results are refused, and the next renewal tells their holders to stop.
%   RESPONSE = CANCELJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.CancelJobs.
%
%   Request: CancelJobsRequest
%       name  TableName: The table.
%       jobs  Relation: Which jobs: a relation over its job table. Unset: all that are reserved.
%
%   Response: CancelJobsResponse
%       job_count  int64: How many.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.JobService/CancelJobs');
end
response = levada.internal.call(connection, '/levada_api.v1.JobService/CancelJobs', request, seconds);
end
