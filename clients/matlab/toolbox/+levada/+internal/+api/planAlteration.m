function response = planAlteration(connection, request, varargin)
%PLANALTERATION What altering a table to a definition would change.
%   INVALID_DEFINITION; UNKNOWN_TABLE; INVALID_REQUEST for what cannot be altered, such as the primary key, with the
%   way around it.
%   RESPONSE = PLANALTERATION(CONNECTION, REQUEST, SECONDS) calls SchemaService.PlanAlteration. SECONDS is a deadline,
%   and may be left out.
%
%   Request: PlanAlterationRequest
%       name  TableName: The table.
%       definition  char: What it shall become.
%       references  cell of ReferencesEntry: As in DeclareTableRequest.
%       renames  cell of RenamesEntry: The old name of each attribute that gets another, by its new name. What is not
%           here is dropped and added.
%       new_name  char: The class's name afterwards, `Session` or `Session.Trial`; parts follow their master. Empty: as
%           it is.
%       tier  TableTier: Its tier afterwards. Unset: as it is. Manual and Lookup can change places, and Imported and
%           Computed.
%       codecs  cell of CodecsEntry: As in DeclareTableRequest.
%
%   Response: PlanAlterationResponse
%       changes  cell of char: The changes, a line each, in order; empty if there are none.
%       digest  char: Identifies this plan.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.SchemaService/PlanAlteration', request, varargin{:});
end
