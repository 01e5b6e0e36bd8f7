function response = beginParts(connection, request, varargin)
%BEGINPARTS Begin a file that the client sends to the store itself, in parts, or find out where to continue.
%   Only for files that are larger than `StageObjectResponse.part_bytes`, if that is set. Idempotent: the parts that
%   have arrived are kept. A client that came by the private socket writes the file of a folder store itself instead
%   (`file`). INVALID_REQUEST if the store takes no parts, the file is too small, or it began with another size or
%   hash. UNKNOWN_OBJECT as above.
%   RESPONSE = BEGINPARTS(CONNECTION, REQUEST, SECONDS) calls ObjectService.BeginParts. SECONDS is a deadline, and may
%   be left out.
%
%   Request: BeginPartsRequest
%       upload_id  char: As returned by StageObject.
%       path  char: As in UploadHeader.
%       size_bytes  int64: Size of the file.
%       hash  char: BLAKE3 of the file's bytes as 64 hexadecimal digits.
%
%   Response: BeginPartsResponse
%       part_bytes  int64: Size of each part but the last, which has the rest; parts are numbered from 1.
%       arrived_parts  row of double: The numbers of the parts that have arrived whole.
%       file  LocalFile: Instead of parts: the client holds the exclusive lock (flock) of this file, appends the bytes
%           from its present size on, and releases the lock before CommitObject. If it cannot, it sends the bytes by
%           UploadObject.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/BeginParts', request, varargin{:});
end
