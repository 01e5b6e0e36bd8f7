function response = openDashboard(connection, request, varargin)
%OPENDASHBOARD Make a code with which one browser signs in as the caller, and open the dashboard's port if it is closed.
%   PERMISSION_DENIED: The server has no dashboard for other callers than its own user.
%   RESPONSE = OPENDASHBOARD(CONNECTION, REQUEST, SECONDS) calls AccessService.OpenDashboard. SECONDS is a deadline,
%   and may be left out.
%
%   Request: OpenDashboardRequest
%       (no fields)
%
%   Response: OpenDashboardResponse
%       url  char: The address of the dashboard, with a `/` at its end.
%       code  char: The code, for ExchangeCode or the form at `sign-in` below the address. Only its digest is stored.
%       lifetime  Duration: How long the code is valid.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/OpenDashboard', request, varargin{:});
end
