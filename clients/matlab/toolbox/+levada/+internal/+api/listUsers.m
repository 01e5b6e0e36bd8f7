function response = listUsers(connection, request, varargin)
%LISTUSERS List the users, by name.
%   For administrators.
%   RESPONSE = LISTUSERS(CONNECTION, REQUEST, SECONDS) calls AccessService.ListUsers. SECONDS is a deadline, and may be
%   left out.
%
%   Request: ListUsersRequest
%       page_size  double: At most this many; 0: 1 000, also the maximum. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListUsersResponse
%       users  cell of User: The users, by name.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/ListUsers', request, varargin{:});
end
