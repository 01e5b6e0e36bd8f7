function response = leaseResults(connection, request, varargin)
%LEASERESULTS Return leases to compute results again beside what is stored.
%   They are not kept: whoever gets one holds nothing, and the results stay as they are until ReplaceResults. Nobody
%   else is kept from computing the same.
%   RESPONSE = LEASERESULTS(CONNECTION, REQUEST, SECONDS) calls JobService.LeaseResults. SECONDS is a deadline, and may
%   be left out.
%
%   Request: LeaseResultsRequest
%       name  TableName: The table.
%       results  Relation: The results: a relation with attributes of the key of its jobs. Unset: all.
%       after_job_id  int64: Only jobs with a greater id, for the next results.
%       max_results  double: At most this many, 1 to the limit `jobs`; 0: 100.
%
%   Response: LeaseResultsResponse
%       leases  cell of Lease: The leases, by id of their job; fewer than asked for at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/LeaseResults', request, varargin{:});
end
