function response = stageObject(connection, request, varargin)
%STAGEOBJECT Begin an object for an attribute of type `<…@store>`.
%   If the hash is set and the same bytes exist already (`<blob@s>`, `<hash@s>`), the answer is that object, and
%   nothing has to be uploaded. A repeated call begins another object. UNKNOWN_TABLE, UNKNOWN_ATTRIBUTE, UNKNOWN_STORE;
%   INVALID_REQUEST for a bad name.
%   RESPONSE = STAGEOBJECT(CONNECTION, REQUEST, SECONDS) calls ObjectService.StageObject. SECONDS is a deadline, and
%   may be left out.
%
%   Request: StageObjectRequest
%       name  TableName: The table.
%       attribute  char: The attribute that will hold it.
%       key  cell of AttributeValue: Key of the row, as far as it is known; the paths of `<object@s>` and `<npy@s>` are
%           made from it.
%       file_name  char: Name of the file or folder, without a path; empty for a value.
%       folder  logical: It is a folder of files; only for `<object@s>`.
%       hash  char: As in ObjectReference, if known. Optional.
%
%   Response: StageObjectResponse
%       part_bytes  int64: If set, the client may send files that are larger than this number of bytes to the store
%           itself (BeginParts). It need not: UploadObject takes every file.
%       upload_id  char: (one of `outcome`) Upload the bytes under this id. It expires some days after the last call
%           that names it.
%       object  ObjectReference: (one of `outcome`) Nothing: the bytes exist already.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/StageObject', request, varargin{:});
end
