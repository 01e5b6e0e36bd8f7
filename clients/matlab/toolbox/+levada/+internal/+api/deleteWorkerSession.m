function response = deleteWorkerSession(connection, request, varargin)
%DELETEWORKERSESSION End a worker session.
%   What it still holds is handed to others at once. Such a try counts as an attempt of the job that had started: the
%   one that was leased alone, or is named; of a batch whose worker was lost each job is leased alone the next time.
%   RESPONSE = DELETEWORKERSESSION(CONNECTION, REQUEST, SECONDS) calls JobService.DeleteWorkerSession. SECONDS is a
%   deadline, and may be left out.
%
%   Request: DeleteWorkerSessionRequest
%       worker_session  char: The session.
%       started_leases  cell of LeaseName: Which of its jobs had been started, where that is known: for the others it
%           was no attempt.
%
%   Response: DeleteWorkerSessionResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.JobService/DeleteWorkerSession', ...
    request, varargin{:});
end
