function response = describeRelation(connection, request, seconds)
%DESCRIBERELATION The heading of a relation.
%   Touches no rows.
%   RESPONSE = DESCRIBERELATION(CONNECTION, REQUEST, SECONDS) calls QueryService.DescribeRelation.
%
%   Request: DescribeRelationRequest
%       relation  Relation: The relation.
%
%   Response: DescribeRelationResponse
%       heading  Heading: Its heading.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.QueryService/DescribeRelation');
end
response = levada.internal.call(connection, '/levada_api.v1.QueryService/DescribeRelation', request, seconds);
end
