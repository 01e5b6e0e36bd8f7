function response = startLogin(connection, request, varargin)
%STARTLOGIN Begin to log in at the issuer of identities that the server trusts.
%   UNSUPPORTED: It trusts none, and users ask an administrator for a token. Needs no token.
%   RESPONSE = STARTLOGIN(CONNECTION, REQUEST, SECONDS) calls AccessService.StartLogin. SECONDS is a deadline, and may
%   be left out.
%
%   Request: StartLoginRequest
%       (no fields)
%
%   Response: StartLoginResponse
%       login  char: For PollLogin; it says nothing to clients.
%       page  char: The address of the page on which the user logs in, in any browser.
%       code  char: The code to type there.
%       page_with_code  char: The address of the same page with the code typed in; empty if there is none.
%       interval  Duration: The time to wait before each PollLogin.
%       lifetime  Duration: The time that the user has.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/StartLogin', request, varargin{:});
end
