function responses = downloadObject(connection, request)
%DOWNLOADOBJECT Return bytes, whole or in part, of an object, of one file of a folder, or of a folder's list of files;
%   also of a file of the caller's own upload, as far as it has arrived.
%   UNKNOWN_OBJECT; DAMAGED_OBJECT if the store lost it or its size changed.
%   RESPONSES = DOWNLOADOBJECT(CONNECTION, REQUEST) calls ObjectService.DownloadObject. RESPONSES is a cell.
%
%   Request: DownloadObjectRequest
%       object_id  char: The object's id, or that of an upload.
%       path  char: Path of the file within the folder; empty for a single file, and for a folder's list of files.
%       offset  int64: The first byte, from 0.
%       length_bytes  int64: How many bytes; fewer only at the end of the file. Unset: all the rest.
%       direct  logical: The client can read from the store itself: the answer to a large read may be one signed
%           request, or, for a client that came by the private socket, a file on the server's disk, instead of bytes.
%
%   Response: DownloadObjectResponse
%       chunk  ObjectChunk: The next bytes.
%       request  SignedRequest: Instead of all chunks: reads the whole file from the store, or, with a header `Range`,
%           a part of it.
%       size_bytes  int64: With a request or a file: size of the file.
%       file  LocalFile: Instead of all chunks: the whole file on the server's disk.
%
%   Written by generate_stubs.py from proto/.

responses = connection.receive('ObjectService/DownloadObject', request);
end
