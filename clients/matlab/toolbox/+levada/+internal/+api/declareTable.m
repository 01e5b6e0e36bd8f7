function response = declareTable(connection, request, varargin)
%DECLARETABLE Declare a table.
%   Idempotent: if it exists with an equal definition, nothing happens; with another one, nothing changes either, and
%   the difference is returned. INVALID_DEFINITION, UNKNOWN_TABLE (a parent), TABLE_EXISTS (other tier).
%   RESPONSE = DECLARETABLE(CONNECTION, REQUEST, SECONDS) calls SchemaService.DeclareTable. SECONDS is a deadline, and
%   may be left out.
%
%   Request: DeclareTableRequest
%       name  TableName: Its name; the part after the dot in `Session.Trial` is a part of `Session`.
%       tier  TableTier: Its tier.
%       definition  char: The definition.
%       references  cell of ReferencesEntry: For each name that follows `->` in the definition, as written there: the
%           table it stands for. Missing names are looked up in the schema itself.
%       key_source  Relation: For Imported and Computed tables: the key source. Unset: the join of the parents in the
%           primary key. Without nodes: the class has its own, which could not be evaluated yet; one that the server
%           knows already stays.
%       has_make  logical: The class has a `make`; without one the table has no jobs.
%       request_id  char: As in CreateSchemaRequest.
%       retry_policy  RetryPolicy: How often its jobs are tried.
%       codecs  cell of CodecsEntry: Codecs of the client that the definition names: maps the text between `<` and `>`,
%           such as `graph` or `graph@store`, to the type that the codec stores, such as `<blob>`, which may name
%           another codec. From then on the attribute's type is spelled `<graph: <blob>>`, which a definition may also
%           use directly.
%       lone_part  logical: A part need not refer to its master, as in DataJoint: deleting entities of the master then
%           leaves those of the part.
%       mysql_time  logical: `time` in the definition declares a `duration`, as in MySQL and DataJoint. Either way, an
%           attribute that exists as one of the two and is `time` in the definition stays what it is.
%
%   Response: DeclareTableResponse
%       table  Table: The table as it is now.
%       created  logical: It did not exist before.
%       differences  cell of char: The differences between the definition sent and the table, one per line; empty if
%           there are none.
%       key_source_error  char: Why the key source cannot be used, though the table is declared; empty if it can, or
%           was not sent. Declare the table again before its key source is used: what was at fault may have been
%           mended.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/DeclareTable', request, varargin{:});
end
