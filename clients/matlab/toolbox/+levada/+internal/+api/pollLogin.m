function response = pollLogin(connection, request, varargin)
%POLLLOGIN Ask whether the user has logged in, and get a token.
%   UNAUTHENTICATED: The issuer, or the server, refuses the user. Needs no token.
%   RESPONSE = POLLLOGIN(CONNECTION, REQUEST, SECONDS) calls AccessService.PollLogin. SECONDS is a deadline, and may be
%   left out.
%
%   Request: PollLoginRequest
%       login  char: As in StartLoginResponse.
%
%   Response: PollLoginResponse
%       secret  char: A token's text, which is stored nowhere; empty until the user has logged in.
%       token  Token: The token; unset until the user has logged in.
%       interval  Duration: The time to wait before the next PollLogin; unset after the last.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/PollLogin', request, varargin{:});
end
