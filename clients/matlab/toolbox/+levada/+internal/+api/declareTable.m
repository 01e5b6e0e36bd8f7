function response = declareTable(connection, request, varargin)
%DECLARETABLE Declare a table.
%   Idempotent: if it exists with an equal definition nothing happens; with another one nothing changes either and the
%   difference is told. INVALID_DEFINITION, UNKNOWN_TABLE (a parent), TABLE_EXISTS (other tier).
%   RESPONSE = DECLARETABLE(CONNECTION, REQUEST, SECONDS) calls SchemaService.DeclareTable. SECONDS is a deadline, and
%   may be left out.
%
%   Request: DeclareTableRequest
%       name  TableName: Its name; the part after the dot in `Session.Trial` is a part of `Session`.
%       tier  TableTier: Its tier.
%       definition  char: The definition.
%       references  cell of ReferencesEntry: For each name that follows `->` in the definition, as written there: the
%           table it stands for. Names that are missing are looked up in the schema itself.
%       key_source  Relation: For Imported and Computed tables: what to compute. Unset: the join of the parents in the
%           primary key.
%       has_make  logical: The class has a `make`; without one the table has no jobs.
%       request_id  char: As in CreateSchemaRequest.
%       retry_policy  RetryPolicy: How often its jobs are tried.
%       codecs  cell of CodecsEntry: Codecs of the client that the definition names: for what stands between `<` and
%           `>`, such as `graph` or `graph@store`, the type in which the codec stores its values, `<blob>`, which may
%           name another codec. The attribute's type is spelled `<graph: <blob>>` from then on, which a definition may
%           also say itself.
%
%   Response: DeclareTableResponse
%       table  Table: The table as it is now.
%       created  logical: It did not exist before.
%       differences  cell of char: How the definition that was sent differs from the table, a line each; empty if it
%           does not.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.SchemaService/DeclareTable', request, varargin{:});
end
