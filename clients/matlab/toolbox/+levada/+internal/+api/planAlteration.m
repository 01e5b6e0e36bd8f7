function response = planAlteration(connection, request, varargin)
%PLANALTERATION Return the changes that altering a table to a definition would make.
%   INVALID_DEFINITION; UNKNOWN_TABLE; INVALID_REQUEST for changes that are impossible, such as to the primary key,
%   with the way around it.
%   RESPONSE = PLANALTERATION(CONNECTION, REQUEST, SECONDS) calls SchemaService.PlanAlteration. SECONDS is a deadline,
%   and may be left out.
%
%   Request: PlanAlterationRequest
%       name  TableName: The table.
%       definition  char: Its new definition.
%       references  cell of ReferencesEntry: As in DeclareTableRequest.
%       renames  cell of RenamesEntry: Renamed attributes: the old name, by the new name. Any other difference in names
%           drops one attribute and adds another.
%       new_name  char: Its new class name, `Session` or `Session.Trial`; parts follow their master. Empty: unchanged.
%       tier  TableTier: Its new tier. Unset: unchanged. Manual and Lookup are interchangeable, and so are Imported and
%           Computed.
%       codecs  cell of CodecsEntry: As in DeclareTableRequest.
%       mysql_time  logical: As in DeclareTableRequest.
%
%   Response: PlanAlterationResponse
%       changes  cell of char: The changes, one per line, in order; empty if there are none.
%       digest  char: Identifies this plan.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/PlanAlteration', request, varargin{:});
end
