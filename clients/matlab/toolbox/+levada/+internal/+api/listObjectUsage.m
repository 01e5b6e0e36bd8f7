function response = listObjectUsage(connection, request, varargin)
%LISTOBJECTUSAGE List how much the objects of each schema and user take, as last measured; for administrators.
%   RESPONSE = LISTOBJECTUSAGE(CONNECTION, REQUEST, SECONDS) calls ObjectService.ListObjectUsage. SECONDS is a
%   deadline, and may be left out.
%
%   Request: ListObjectUsageRequest
%       page_size  double: At most this many; 0: 1 000, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListObjectUsageResponse
%       usages  cell of ObjectUsage: By schema and user.
%       next_page_token  char: For the next page; empty at the end.
%       measure_time  Timestamp: When this was measured; unset if it never was.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/ListObjectUsage', request, varargin{:});
end
