function response = listEnvironments(connection, request, varargin)
%LISTENVIRONMENTS List the environments of workers that computed jobs of a table, by id.
%   RESPONSE = LISTENVIRONMENTS(CONNECTION, REQUEST, SECONDS) calls JobService.ListEnvironments. SECONDS is a deadline,
%   and may be left out.
%
%   Request: ListEnvironmentsRequest
%       name  TableName: The table.
%       page_size  double: At most this many; 0: 100, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListEnvironmentsResponse
%       environments  cell of Environment: The environments of jobs that the caller may read.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/ListEnvironments', request, varargin{:});
end
