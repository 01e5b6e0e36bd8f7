function response = failJob(connection, request, varargin)
%FAILJOB Record that `make` failed: the job is an error, or pending until its next try as the table's retry policy says.
%   LEASE_LOST as above. Idempotent by lease token.
%   RESPONSE = FAILJOB(CONNECTION, REQUEST, SECONDS) calls JobService.FailJob. SECONDS is a deadline, and may be left
%   out.
%
%   Request: FailJobRequest
%       name  TableName: The table that was to be computed.
%       job_id  int64: The job.
%       lease_token  char: The lease's token.
%       error  JobError: What went wrong.
%       duration  Duration: How long `make` ran.
%       code_version  char: Version of the code that computed it. Optional.
%       interrupted  logical: It was not the code that failed: what it asked for was out of reach, or in conflict with
%           others, for a while. The job is pending again at once, as one whose worker was lost, and an error once it
%           was tried as often as that allows.
%
%   Response: FailJobResponse
%       state  JobState: The job's state now: error, or pending if it is tried again.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.JobService/FailJob', request, varargin{:});
end
