function response = renewWorkerSessions(connection, request, varargin)
%RENEWWORKERSESSIONS Renew all leases of some worker sessions.
%   UNKNOWN_WORKER_SESSION if one has ended.
%   RESPONSE = RENEWWORKERSESSIONS(CONNECTION, REQUEST, SECONDS) calls JobService.RenewWorkerSessions. SECONDS is a
%   deadline, and may be left out.
%
%   Request: RenewWorkerSessionsRequest
%       worker_sessions  cell of char: The sessions, at most 1 000.
%       memory_bytes  row of int64: Private memory of the process of each session, in their order, in bytes; 0 if it is
%           not known. Optional.
%
%   Response: RenewWorkerSessionsResponse
%       expire_time  Timestamp: When the leases expire unless they are renewed again, by the server's clock.
%       cancelled_lease_tokens  cell of char: Leases of these sessions that were cancelled: their holders must stop,
%           and their results are refused. Each renewal repeats them.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/RenewWorkerSessions', request, varargin{:});
end
