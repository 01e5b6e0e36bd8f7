function response = createWorkerSession(connection, request, varargin)
%CREATEWORKERSESSION Begin a worker session, which says who computes and how long it may be silent.
%   RESPONSE = CREATEWORKERSESSION(CONNECTION, REQUEST, SECONDS) calls JobService.CreateWorkerSession. SECONDS is a
%   deadline, and may be left out.
%
%   Request: CreateWorkerSessionRequest
%       worker  WorkerName: The worker's machine and process.
%       lease_duration  Duration: How long it may be silent before its jobs go to others; 1 s to 1 h, unset: 30 s.
%       code_version  char: Version of its code, a commit or digest. Optional.
%       environment  char: The language and the packages that it has, with their versions: JSON, at most 1 MB. Its jobs
%           refer to it. Optional.
%
%   Response: CreateWorkerSessionResponse
%       worker_session  char: Identifies the session.
%       lease_duration  Duration: How long it may be silent.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/CreateWorkerSession', request, varargin{:});
end
