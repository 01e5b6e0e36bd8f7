function response = completeJobs(connection, requests)
%COMPLETEJOBS Commit the inserts of `make` together with the jobs' state.
%   Idempotent by lease token. LEASE_LOST if a job was handed to another worker. Each job succeeds or fails on its own.
%   RESPONSE = COMPLETEJOBS(CONNECTION, REQUESTS) calls JobService.CompleteJobs. REQUESTS is a cell.
%
%   Request: CompleteJobsRequest
%       job  JobHeader: (one of `content`) A job begins.
%       rows  JobRows: (one of `content`) An insert of that job begins.
%       arrow_ipc  uint8: (one of `content`) The next bytes of that insert's Arrow IPC stream.
%
%   Response: CompleteJobsResponse
%       outcomes  cell of JobOutcome: One per job, in the order of the request.
%
%   Written by generate_stubs.py from proto/.

response = connection.send('JobService/CompleteJobs', requests);
end
