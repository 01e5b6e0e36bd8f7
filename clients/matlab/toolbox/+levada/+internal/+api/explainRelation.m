function response = explainRelation(connection, request, varargin)
%EXPLAINRELATION Return the plan by which PostgreSQL would run the query.
%   RESPONSE = EXPLAINRELATION(CONNECTION, REQUEST, SECONDS) calls QueryService.ExplainRelation. SECONDS is a deadline,
%   and may be left out.
%
%   Request: ExplainRelationRequest
%       relation  Relation: The relation.
%       analyze  logical: Also run the query, and report times.
%
%   Response: ExplainRelationResponse
%       plan  char: PostgreSQL's plan as text.
%       statement  char: The compiled statement.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('QueryService/ExplainRelation', request, varargin{:});
end
