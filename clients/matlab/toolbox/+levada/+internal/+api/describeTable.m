function response = describeTable(connection, request, varargin)
%DESCRIBETABLE Describe one table.
%   UNKNOWN_TABLE.
%   RESPONSE = DESCRIBETABLE(CONNECTION, REQUEST, SECONDS) calls SchemaService.DescribeTable. SECONDS is a deadline,
%   and may be left out.
%
%   Request: DescribeTableRequest
%       name  TableName: The table.
%       include_history  logical: Also return its earlier definitions.
%       include_size  logical: Also return its size.
%       include_next_number  logical: Also return the number that is given out next.
%
%   Response: DescribeTableResponse
%       table  Table: The table.
%       history  cell of PastDefinition: With `include_history`, its definitions, the present one last; at most the
%           last 1 000.
%       table_bytes  int64: With `include_size`, how many bytes its rows and indexes take in the database, without
%           content in stores.
%       next_number  int64: With `include_next_number`, the number that is given out next for its auto_increment
%           attribute; 0 if it has none.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.SchemaService/DescribeTable', request, varargin{:});
end
