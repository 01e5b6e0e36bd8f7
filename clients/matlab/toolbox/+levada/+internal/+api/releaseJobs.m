function response = releaseJobs(connection, request, varargin)
%RELEASEJOBS Return jobs untouched: they are pending again, and the attempt does not count.
%   RESPONSE = RELEASEJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.ReleaseJobs. SECONDS is a deadline, and may
%   be left out.
%
%   Request: ReleaseJobsRequest
%       leases  cell of LeaseName: The leases to return.
%
%   Response: ReleaseJobsResponse
%       released_count  double: How many were still held.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/ReleaseJobs', request, varargin{:});
end
