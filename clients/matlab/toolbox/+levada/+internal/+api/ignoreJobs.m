function response = ignoreJobs(connection, request, varargin)
%IGNOREJOBS Ignore jobs that are pending or failed.
%   RESPONSE = IGNOREJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.IgnoreJobs. SECONDS is a deadline, and may be
%   left out.
%
%   Request: IgnoreJobsRequest
%       name  TableName: The table.
%       jobs  Relation: The jobs: a relation over its job table. Unset: all that are pending or failed.
%
%   Response: IgnoreJobsResponse
%       job_count  int64: How many jobs.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/IgnoreJobs', request, varargin{:});
end
