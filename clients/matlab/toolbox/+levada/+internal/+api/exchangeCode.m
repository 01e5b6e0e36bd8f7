function response = exchangeCode(connection, request, varargin)
%EXCHANGECODE Turn a code into a session of the browser that calls, which gets it as a cookie.
%   UNAUTHENTICATED: The code was used, has expired, or never was. Needs no token. PERMISSION_DENIED: The client is not
%   a browser.
%   RESPONSE = EXCHANGECODE(CONNECTION, REQUEST, SECONDS) calls AccessService.ExchangeCode. SECONDS is a deadline, and
%   may be left out.
%
%   Request: ExchangeCodeRequest
%       code  char: As in OpenDashboardResponse.
%
%   Response: ExchangeCodeResponse
%       lifetime  Duration: The longest time that the session lasts.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/ExchangeCode', request, varargin{:});
end
