function response = createWorkerSession(connection, request, varargin)
%CREATEWORKERSESSION Begin a worker session: who computes, and for how long it may be silent.
%   RESPONSE = CREATEWORKERSESSION(CONNECTION, REQUEST, SECONDS) calls JobService.CreateWorkerSession. SECONDS is a
%   deadline, and may be left out.
%
%   Request: CreateWorkerSessionRequest
%       worker  WorkerName: Where the worker runs.
%       lease_duration  Duration: How long it may be silent before its jobs go to others; from 1 s to 1 h, unset: 30 s.
%       code_version  char: Version of its code, a commit or digest. Optional.
%
%   Response: CreateWorkerSessionResponse
%       worker_session  char: Names the session.
%       lease_duration  Duration: How long it may be silent.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.JobService/CreateWorkerSession', ...
    request, varargin{:});
end
