function response = alterTable(connection, request, varargin)
%ALTERTABLE Alter a table as planned, in one transaction.
%   PLAN_CHANGED if the table changed since; CONFLICT if it stayed in use; WRONG_VALUE, VALUE_OUT_OF_RANGE,
%   MISSING_ATTRIBUTE, MISSING_PARENT, DUPLICATE_ENTITY if a row does not allow a change; the message names it.
%   RESPONSE = ALTERTABLE(CONNECTION, REQUEST, SECONDS) calls SchemaService.AlterTable. SECONDS is a deadline, and may
%   be left out.
%
%   Request: AlterTableRequest
%       name  TableName: The table.
%       definition  char: Its new definition.
%       references  cell of ReferencesEntry: As in DeclareTableRequest.
%       digest  char: Digest of the confirmed plan; empty: make whatever changes are needed.
%       request_id  char: As in CreateSchemaRequest.
%       renames  cell of RenamesEntry: As in PlanAlterationRequest.
%       new_name  char: As in PlanAlterationRequest.
%       tier  TableTier: As in PlanAlterationRequest.
%       codecs  cell of CodecsEntry: As in DeclareTableRequest.
%       mysql_time  logical: As in DeclareTableRequest.
%
%   Response: AlterTableResponse
%       table  Table: The table as it is now.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/AlterTable', request, varargin{:});
end
