function response = uploadObject(connection, requests)
%UPLOADOBJECT Send bytes: a header, then chunks; for a folder, a header and chunks for each file.
%   Bytes that have arrived are kept if the call breaks. DAMAGED_OBJECT if a chunk does not match its checksum: send it
%   again. LIMIT_REACHED with the limit `store` if the disk is full. UNKNOWN_OBJECT if the upload has expired or is
%   committed.
%   RESPONSE = UPLOADOBJECT(CONNECTION, REQUESTS) calls ObjectService.UploadObject. REQUESTS is a cell.
%
%   Request: UploadObjectRequest
%       header  UploadHeader: (one of `content`) The header.
%       chunk  ObjectChunk: (one of `content`) The next bytes.
%
%   Response: UploadObjectResponse
%       received_bytes  int64: Bytes that arrived in this call.
%
%   Written by generate_stubs.py from proto/.

response = connection.send('ObjectService/UploadObject', requests);
end
