function response = createBrowserSession(connection, request, varargin)
%CREATEBROWSERSESSION Turn the token of the call into a session of the browser that calls, which gets it as a cookie.
%   The session ends with the token. INVALID_REQUEST: The call has no token. PERMISSION_DENIED: The client is not a
%   browser.
%   RESPONSE = CREATEBROWSERSESSION(CONNECTION, REQUEST, SECONDS) calls AccessService.CreateBrowserSession. SECONDS is
%   a deadline, and may be left out.
%
%   Request: CreateBrowserSessionRequest
%       (no fields)
%
%   Response: CreateBrowserSessionResponse
%       lifetime  Duration: The longest time that the session lasts.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/CreateBrowserSession', request, varargin{:});
end
