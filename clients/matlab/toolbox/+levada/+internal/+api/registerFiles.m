function response = registerFiles(connection, request, varargin)
%REGISTERFILES Register many files as RegisterFile does.
%   A file that cannot be registered has a problem in the answer, and the others are registered. INVALID_REQUEST if
%   there are more than 1 000 paths.
%   RESPONSE = REGISTERFILES(CONNECTION, REQUEST, SECONDS) calls ObjectService.RegisterFiles. SECONDS is a deadline,
%   and may be left out.
%
%   Request: RegisterFilesRequest
%       name  TableName: The table.
%       attribute  char: The attribute that will hold the files.
%       paths  cell of char: At most 1 000 paths of files within the store, with `/`.
%
%   Response: RegisterFilesResponse
%       files  cell of RegisteredFile: One for each path, in their order.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/RegisterFiles', request, varargin{:});
end
