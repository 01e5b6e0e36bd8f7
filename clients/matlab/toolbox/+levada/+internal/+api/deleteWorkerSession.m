function response = deleteWorkerSession(connection, request, varargin)
%DELETEWORKERSESSION End a worker session.
%   Its remaining leases go to others at once. This counts as an attempt only for a job that had started: one that was
%   leased alone, or that the request names. If the worker held a batch, each of its jobs is leased alone the next
%   time.
%   RESPONSE = DELETEWORKERSESSION(CONNECTION, REQUEST, SECONDS) calls JobService.DeleteWorkerSession. SECONDS is a
%   deadline, and may be left out.
%
%   Request: DeleteWorkerSessionRequest
%       worker_session  char: The session.
%       started_leases  cell of LeaseName: Which of its jobs had started, if known; for the others it was not an
%           attempt.
%
%   Response: DeleteWorkerSessionResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/DeleteWorkerSession', request, varargin{:});
end
