function response = stageObject(connection, request, varargin)
%STAGEOBJECT Begin an object for an attribute of the type `<…@store>`.
%   Where the hash is given and the same bytes are there already (`<blob@s>`, `<hash@s>`), the answer is that object,
%   and there is nothing to upload. Repeating it begins another object. UNKNOWN_TABLE, UNKNOWN_ATTRIBUTE,
%   UNKNOWN_STORE; INVALID_REQUEST for a bad name.
%   RESPONSE = STAGEOBJECT(CONNECTION, REQUEST, SECONDS) calls ObjectService.StageObject. SECONDS is a deadline, and
%   may be left out.
%
%   Request: StageObjectRequest
%       name  TableName: The table.
%       attribute  char: The attribute that is to hold it.
%       key  cell of AttributeValue: Key of the row, as far as it is known: `<object@s>` and `<npy@s>` lie at a path
%           made from it.
%       file_name  char: Name of the file or folder, without a path; empty for a value.
%       folder  logical: A folder of files; only for `<object@s>`.
%       hash  char: As in ObjectReference, where it is known. Optional.
%
%   Response: StageObjectResponse
%       upload_id  char: (one of `outcome`) Upload the bytes under this id. It expires some days after the last call
%           that names it.
%       object  ObjectReference: (one of `outcome`) Nothing: the bytes are there.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.ObjectService/StageObject', request, varargin{:});
end
