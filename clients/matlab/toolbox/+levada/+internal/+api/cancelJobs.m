function response = cancelJobs(connection, request, varargin)
%CANCELJOBS Turn reserved jobs into errors: their results are refused, and the next renewal tells their holders to stop.
%   RESPONSE = CANCELJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.CancelJobs. SECONDS is a deadline, and may be
%   left out.
%
%   Request: CancelJobsRequest
%       name  TableName: The table.
%       jobs  Relation: The jobs: a relation over its job table. Unset: all that are reserved.
%
%   Response: CancelJobsResponse
%       job_count  int64: How many jobs.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/CancelJobs', request, varargin{:});
end
