function response = listJobs(connection, request, seconds)
%LISTJOBS The jobs of a table, by id.
%   RESPONSE = LISTJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.ListJobs.
%
%   Request: ListJobsRequest
%       name  TableName: The table.
%       states  cell of JobState: Only jobs in one of these states; empty: all.
%       page_size  double: At most this many; 0: 100, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the page before; empty for the first.
%
%   Response: ListJobsResponse
%       jobs  cell of Job: The jobs, by id.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.JobService/ListJobs');
end
response = levada.internal.call(connection, '/levada_api.v1.JobService/ListJobs', request, seconds);
end
