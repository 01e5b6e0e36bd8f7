function response = fetchFewRows(connection, request, varargin)
%FETCHFEWROWS Return the entities of a relation in one message, which is quicker for a few small rows, such as the rows
%   of a relation with a limit of 2.
%   RESPONSE = FETCHFEWROWS(CONNECTION, REQUEST, SECONDS) calls QueryService.FetchFewRows. SECONDS is a deadline, and
%   may be left out.
%
%   Request: FetchFewRowsRequest
%       fetch  FetchRelationRequest: The relation to fetch.
%
%   Response: FetchFewRowsResponse
%       result  FetchRelationResponse: The whole answer in one piece. Empty with `too_large`.
%       too_large  logical: The answer is over 1 MB: use FetchRelation instead.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('QueryService/FetchFewRows', request, varargin{:});
end
