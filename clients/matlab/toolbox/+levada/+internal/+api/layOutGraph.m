function response = layOutGraph(connection, request, varargin)
%LAYOUTGRAPH Lay out a diagram of tables: boxes, lines and frames with their places.
%   Equal tables have equal diagrams. UNKNOWN_TABLE; LIMIT_REACHED for more boxes or lines than a diagram holds.
%   RESPONSE = LAYOUTGRAPH(CONNECTION, REQUEST, SECONDS) calls SchemaService.LayOutGraph. SECONDS is a deadline, and
%   may be left out.
%
%   Request: LayOutGraphRequest
%       tables  cell of TableName: The tables; parts are listed in the box of their master if both are here.
%       collapsed_tables  cell of TableName: Further tables: those of a schema are one box together.
%       expanded_schemas  cell of char: With more than 120 boxes in several schemas, each schema becomes one box,
%           except these.
%       expand_all  logical: No schema becomes one box by itself.
%       sideways  logical: Parents are to the left of their children, rather than above.
%       include_line  logical: Leave room in each box for one more line of text, as `include_counts` does.
%       include_counts  logical: Count the rows and jobs of each table from which the caller may fetch; of at most 500
%           tables.
%       without_places  logical: Leave out all places: for texts, of any number of boxes.
%
%   Response: LayOutGraphResponse
%       boxes  cell of DiagramBox: Parents first.
%       lines  cell of DiagramLine: One for each pair of boxes with a foreign key between them.
%       frames  cell of DiagramFrame: The frames of schemas; none if the diagram is clearer without.
%       size  DiagramPlace: Width and height of the whole diagram; everything is within.
%       crossing_count  double: How often lines cross.
%       collapsed_schemas  cell of char: The schemas that became one box because the diagram is large.
%       counts  cell of DiagramCount: With `include_counts`: the tables whose rows were counted, parents first.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/LayOutGraph', request, varargin{:});
end
