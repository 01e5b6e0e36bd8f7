function response = listJobs(connection, request, varargin)
%LISTJOBS List the jobs of a table, by id.
%   RESPONSE = LISTJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.ListJobs. SECONDS is a deadline, and may be left
%   out.
%
%   Request: ListJobsRequest
%       name  TableName: The table.
%       states  cell of JobState: Only jobs in one of these states; empty: all.
%       page_size  double: At most this many; 0: 100, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListJobsResponse
%       jobs  cell of Job: The jobs, by id.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/ListJobs', request, varargin{:});
end
