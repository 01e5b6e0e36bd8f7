function responses = listStoreFiles(connection, request)
%LISTSTOREFILES List the files of a store that may be registered for an attribute of type `<filepath@s>`, in byte order
%   of their paths.
%   A list that breaks resumes after the last path that arrived. INVALID_REQUEST if the configuration gives the prefix
%   to no files of the schema.
%   RESPONSES = LISTSTOREFILES(CONNECTION, REQUEST) calls ObjectService.ListStoreFiles. RESPONSES is a cell.
%
%   Request: ListStoreFilesRequest
%       name  TableName: The table.
%       attribute  char: The attribute that will hold the files.
%       prefix  char: The folder to list, with `/`; empty for all that the schema may register.
%       after  char: Only paths that come after this one in byte order.
%       unchanged_duration  Duration: Only files that have not changed for this long, by the server's clock. Unset:
%           all.
%
%   Response: ListStoreFilesResponse
%       files  cell of StoreFile: At most 1 000 files.
%       skipped_count  int64: Links, and files whose names no path may have, among them; they cannot be registered.
%
%   Written by generate_stubs.py from proto/.

responses = connection.receive('ObjectService/ListStoreFiles', request);
end
