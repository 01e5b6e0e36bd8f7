function response = reserveJobs(connection, request, varargin)
%RESERVEJOBS Lease the most urgent jobs of some tables.
%   Empty if there is none within `wait_duration`.
%   RESPONSE = RESERVEJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.ReserveJobs. SECONDS is a deadline, and may
%   be left out.
%
%   Request: ReserveJobsRequest
%       worker_session  char: The worker's session.
%       names  cell of TableName: Tables to serve.
%       max_jobs  double: At most this many, 1 to the limit `jobs`; 0: 1.
%       wait_duration  Duration: How long to wait for a job, at most 60 s; unset: not at all.
%       restriction  Relation: Only jobs whose key meets this condition, with one table: a relation whose root
%           restricts its job table.
%       held_leases  HeldLeases: All leases of this session that the worker knows of. Any other lease was lost together
%           with the answer that carried it, and its job is handed out again. Unset: nothing is reported.
%       except_unready  logical: Skip jobs whose `make` inserted nothing when it last ran, even if their delay is over:
%           a populate asks each once.
%
%   Response: ReserveJobsResponse
%       leases  cell of Lease: The leases, most urgent first.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/ReserveJobs', request, varargin{:});
end
