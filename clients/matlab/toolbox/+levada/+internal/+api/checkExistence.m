function response = checkExistence(connection, request, varargin)
%CHECKEXISTENCE Return whether a relation has any entity.
%   Stops at the first.
%   RESPONSE = CHECKEXISTENCE(CONNECTION, REQUEST, SECONDS) calls QueryService.CheckExistence. SECONDS is a deadline,
%   and may be left out.
%
%   Request: CheckExistenceRequest
%       relation  Relation: The relation.
%       lease_token  char: As in FetchRelationRequest.
%       read_receipt  uint8: As in FetchRelationRequest.
%       recordings  cell of char: As in FetchRelationRequest.
%
%   Response: CheckExistenceResponse
%       found  logical: It has at least one entity.
%       read_receipt  uint8: As in FetchRelationResponse.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('QueryService/CheckExistence', request, varargin{:});
end
