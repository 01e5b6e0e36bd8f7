function response = getProgress(connection, request, varargin)
%GETPROGRESS Return the progress of some tables.
%   RESPONSE = GETPROGRESS(CONNECTION, REQUEST, SECONDS) calls JobService.GetProgress. SECONDS is a deadline, and may
%   be left out.
%
%   Request: GetProgressRequest
%       names  cell of TableName: The tables.
%       key_source  Relation: Count only keys of this relation; only with one table. Unset: the table's own key source.
%       count_stale  logical: Count stale results too, by the code of the latest results. This compares inputs that may
%           have changed since they were last compared.
%
%   Response: GetProgressResponse
%       progress  cell of Progress: One per table, in the order of the request.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/GetProgress', request, varargin{:});
end
