function response = reserveDiscovery(connection, request, varargin)
%RESERVEDISCOVERY Lease the discovery of one of some tables that is due: the right to look for its new rows.
%   One worker at a time has it; it goes to others when its worker's session has ended or fallen silent. Nothing if
%   none is due.
%   RESPONSE = RESERVEDISCOVERY(CONNECTION, REQUEST, SECONDS) calls JobService.ReserveDiscovery. SECONDS is a deadline,
%   and may be left out.
%
%   Request: ReserveDiscoveryRequest
%       worker_session  char: The worker's session.
%       tables  cell of DiscoveringTable: The tables, at least one, and at most 1 000.
%       at_once  logical: Begin even if it is not due yet, unless a worker is at it.
%       held_leases  HeldLeases: All leases of discoveries of this session that the worker knows of. Any other was lost
%           together with the answer that carried it, and its discovery is handed out again. Unset: nothing is
%           reported.
%
%   Response: ReserveDiscoveryResponse
%       lease  DiscoveryLease: The lease; unset if no discovery is due.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/ReserveDiscovery', request, varargin{:});
end
