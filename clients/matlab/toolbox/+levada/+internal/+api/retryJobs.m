function response = retryJobs(connection, request, varargin)
%RETRYJOBS Make failed or ignored jobs pending again, with all their attempts restored.
%   RESPONSE = RETRYJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.RetryJobs. SECONDS is a deadline, and may be
%   left out.
%
%   Request: RetryJobsRequest
%       name  TableName: The table.
%       jobs  Relation: The jobs: a relation over its job table. Unset: all that failed.
%
%   Response: RetryJobsResponse
%       job_count  int64: How many jobs.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/RetryJobs', request, varargin{:});
end
