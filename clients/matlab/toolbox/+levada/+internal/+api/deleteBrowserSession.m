function response = deleteBrowserSession(connection, request, varargin)
%DELETEBROWSERSESSION End the session of the browser that calls, and take its cookie.
%   Nothing happens without one.
%   RESPONSE = DELETEBROWSERSESSION(CONNECTION, REQUEST, SECONDS) calls AccessService.DeleteBrowserSession. SECONDS is
%   a deadline, and may be left out.
%
%   Request: DeleteBrowserSessionRequest
%       (no fields)
%
%   Response: DeleteBrowserSessionResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/DeleteBrowserSession', request, varargin{:});
end
