function response = failJob(connection, request, varargin)
%FAILJOB Record that `make` failed: the job is an error, or pending until its next attempt, according to the table's
%   retry policy.
%   LEASE_LOST as above. Idempotent by lease token.
%   RESPONSE = FAILJOB(CONNECTION, REQUEST, SECONDS) calls JobService.FailJob. SECONDS is a deadline, and may be left
%   out.
%
%   Request: FailJobRequest
%       name  TableName: The table that was to be computed.
%       job_id  int64: The job.
%       lease_token  char: The lease's token.
%       error  JobError: The error.
%       duration  Duration: How long `make` ran.
%       code_version  char: Version of the code that computed it. Optional.
%       interrupted  logical: The code itself did not fail: something it needed was temporarily out of reach or in
%           conflict with others. The job is pending again at once, like a job whose worker was lost, and becomes an
%           error after as many attempts as such a job.
%       output  char: The output of `make`, at most 2^20 characters. Optional.
%
%   Response: FailJobResponse
%       state  JobState: The job's state now: error, or pending if it is tried again.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/FailJob', request, varargin{:});
end
