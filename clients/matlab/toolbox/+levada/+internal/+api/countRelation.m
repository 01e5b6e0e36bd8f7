function response = countRelation(connection, request, varargin)
%COUNTRELATION Return how many entities a relation has.
%   RESPONSE = COUNTRELATION(CONNECTION, REQUEST, SECONDS) calls QueryService.CountRelation. SECONDS is a deadline, and
%   may be left out.
%
%   Request: CountRelationRequest
%       relation  Relation: The relation.
%       lease_token  char: As in FetchRelationRequest.
%       read_receipt  uint8: As in FetchRelationRequest.
%       recordings  cell of char: As in FetchRelationRequest.
%
%   Response: CountRelationResponse
%       entity_count  int64: How many entities it has.
%       read_receipt  uint8: As in FetchRelationResponse.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('QueryService/CountRelation', request, varargin{:});
end
