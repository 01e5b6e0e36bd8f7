function response = registerFile(connection, request, varargin)
%REGISTERFILE Register a file that is already in a store, for an attribute of type `<filepath@s>`: it is read once for
%   its hash and stays in place.
%   NOT_FOUND if there is no such file; INVALID_REQUEST if the path leaves the store.
%   RESPONSE = REGISTERFILE(CONNECTION, REQUEST, SECONDS) calls ObjectService.RegisterFile. SECONDS is a deadline, and
%   may be left out.
%
%   Request: RegisterFileRequest
%       name  TableName: The table.
%       attribute  char: The attribute that will hold it.
%       path  char: Path of the file within the store, with `/`.
%
%   Response: RegisterFileResponse
%       object  ObjectReference: The file.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/RegisterFile', request, varargin{:});
end
