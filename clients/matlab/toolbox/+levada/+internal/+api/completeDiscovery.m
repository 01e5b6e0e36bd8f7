function response = completeDiscovery(connection, request, varargin)
%COMPLETEDISCOVERY Record how a discovery ended.
%   Its rows are inserted by RowService before, like any others. LEASE_LOST if it was handed to another worker.
%   Idempotent by lease token.
%   RESPONSE = COMPLETEDISCOVERY(CONNECTION, REQUEST, SECONDS) calls JobService.CompleteDiscovery. SECONDS is a
%   deadline, and may be left out.
%
%   Request: CompleteDiscoveryRequest
%       name  TableName: The table.
%       lease_token  char: The lease's token.
%       row_count  int64: How many rows were new.
%       duration  Duration: How long it ran.
%       error  JobError: Unset: it succeeded. Set: why not. It is tried again after a pause that doubles with each
%           error, up to the interval.
%
%   Response: CompleteDiscoveryResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/CompleteDiscovery', request, varargin{:});
end
