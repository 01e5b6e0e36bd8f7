function response = ignoreJobs(connection, request, seconds)
%IGNOREJOBS Pass over jobs that are pending or failed.
%   RESPONSE = IGNOREJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.IgnoreJobs.
%
%   Request: IgnoreJobsRequest
%       name  TableName: The table.
%       jobs  Relation: Which jobs: a relation over its job table. Unset: all that are pending or failed.
%
%   Response: IgnoreJobsResponse
%       job_count  int64: How many.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.JobService/IgnoreJobs');
end
response = levada.internal.call(connection, '/levada_api.v1.JobService/IgnoreJobs', request, seconds);
end
