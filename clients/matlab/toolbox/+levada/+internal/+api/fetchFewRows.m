function response = fetchFewRows(connection, request, varargin)
%FETCHFEWROWS The same in one message, which is quicker for a few small rows, such as those of a relation with a limit
%   of 2.
%   RESPONSE = FETCHFEWROWS(CONNECTION, REQUEST, SECONDS) calls QueryService.FetchFewRows. SECONDS is a deadline, and
%   may be left out.
%
%   Request: FetchFewRowsRequest
%       fetch  FetchRelationRequest: What is fetched.
%
%   Response: FetchFewRowsResponse
%       result  FetchRelationResponse: All pieces of the answer in one. Empty with `too_large`.
%       too_large  logical: The answer is past 1 MB: ask again by FetchRelation.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.QueryService/FetchFewRows', request, varargin{:});
end
