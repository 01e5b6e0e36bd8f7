function responses = watchProgress(connection, request)
%WATCHPROGRESS Return the progress of some tables whenever it changes, at most once a second.
%   RESPONSES = WATCHPROGRESS(CONNECTION, REQUEST) calls JobService.WatchProgress. RESPONSES is a cell.
%
%   Request: WatchProgressRequest
%       names  cell of TableName: The tables, at least one.
%
%   Response: WatchProgressResponse
%       progress  cell of Progress: One per table, in the order of the request.
%
%   Written by generate_stubs.py from proto/.

responses = connection.receive('JobService/WatchProgress', request);
end
