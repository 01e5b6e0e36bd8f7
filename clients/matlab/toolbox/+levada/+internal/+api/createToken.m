function response = createToken(connection, request, varargin)
%CREATETOKEN Make a token.
%   Its text is in this answer and nowhere else. NOT_FOUND. Users make tokens for themselves, with an end;
%   administrators for everybody.
%   RESPONSE = CREATETOKEN(CONNECTION, REQUEST, SECONDS) calls AccessService.CreateToken. SECONDS is a deadline, and
%   may be left out.
%
%   Request: CreateTokenRequest
%       user  char: The user; empty: the caller.
%       label  char: Its purpose.
%       lifetime  Duration: How long it is valid; unset: 30 days. Zero, for administrators: without end.
%       scopes  cell of Scope: The most that it allows; empty: all that its user may do.
%
%   Response: CreateTokenResponse
%       secret  char: The token's text, `lev_…`. Only its digest is stored.
%       token  Token: The token.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/CreateToken', request, varargin{:});
end
