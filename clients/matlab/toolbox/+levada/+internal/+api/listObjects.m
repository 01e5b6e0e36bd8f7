function response = listObjects(connection, request, varargin)
%LISTOBJECTS List objects by id, for administrators.
%   RESPONSE = LISTOBJECTS(CONNECTION, REQUEST, SECONDS) calls ObjectService.ListObjects. SECONDS is a deadline, and
%   may be left out.
%
%   Request: ListObjectsRequest
%       store  char: Only objects of this store; empty for all.
%       schema  char: Only objects of this schema; empty for all.
%       page_size  double: At most this many; 0: 1 000, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListObjectsResponse
%       objects  cell of ObjectEntry: The objects.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/ListObjects', request, varargin{:});
end
