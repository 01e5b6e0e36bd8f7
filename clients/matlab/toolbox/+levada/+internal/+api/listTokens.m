function response = listTokens(connection, request, varargin)
%LISTTOKENS List the valid tokens of the caller; of all users for administrators.
%   RESPONSE = LISTTOKENS(CONNECTION, REQUEST, SECONDS) calls AccessService.ListTokens. SECONDS is a deadline, and may
%   be left out.
%
%   Request: ListTokensRequest
%       page_size  double: At most this many; 0: 1 000, also the maximum. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListTokensResponse
%       tokens  cell of Token: The tokens, by id.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/ListTokens', request, varargin{:});
end
