function response = listWorkers(connection, request, varargin)
%LISTWORKERS List the workers that are alive, with the jobs that they hold: the caller's own, and others that hold jobs
%   of tables that the caller may fetch from; all for administrators.
%   RESPONSE = LISTWORKERS(CONNECTION, REQUEST, SECONDS) calls JobService.ListWorkers. SECONDS is a deadline, and may
%   be left out.
%
%   Request: ListWorkersRequest
%       page_size  double: At most this many; 0: 1 000, also the maximum. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListWorkersResponse
%       workers  cell of WorkerActivity: The workers, by host, process and session.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/ListWorkers', request, varargin{:});
end
