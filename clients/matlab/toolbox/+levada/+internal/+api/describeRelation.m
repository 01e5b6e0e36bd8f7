function response = describeRelation(connection, request, varargin)
%DESCRIBERELATION Return the heading of a relation.
%   Touches no rows.
%   RESPONSE = DESCRIBERELATION(CONNECTION, REQUEST, SECONDS) calls QueryService.DescribeRelation. SECONDS is a
%   deadline, and may be left out.
%
%   Request: DescribeRelationRequest
%       relation  Relation: The relation.
%
%   Response: DescribeRelationResponse
%       heading  Heading: Its heading.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('QueryService/DescribeRelation', request, varargin{:});
end
