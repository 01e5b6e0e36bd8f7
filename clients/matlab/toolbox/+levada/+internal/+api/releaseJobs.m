function response = releaseJobs(connection, request, seconds)
%RELEASEJOBS Give jobs back untouched: they are pending again, and the try does not count.
%   RESPONSE = RELEASEJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.ReleaseJobs.
%
%   Request: ReleaseJobsRequest
%       leases  cell of LeaseName: The leases to give back.
%
%   Response: ReleaseJobsResponse
%       released_count  double: How many were still held.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.JobService/ReleaseJobs');
end
response = levada.internal.call(connection, '/levada_api.v1.JobService/ReleaseJobs', request, seconds);
end
