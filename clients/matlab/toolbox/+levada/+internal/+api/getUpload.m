function response = getUpload(connection, request, seconds)
%GETUPLOAD How much of a file has arrived: there an upload that broke goes on.
%   UNKNOWN_OBJECT as above.
%   RESPONSE = GETUPLOAD(CONNECTION, REQUEST, SECONDS) calls ObjectService.GetUpload.
%
%   Request: GetUploadRequest
%       upload_id  char: As StageObject gave it.
%       path  char: As in UploadHeader.
%
%   Response: GetUploadResponse
%       received_bytes  int64: Bytes of the file that have arrived; 0 if none have.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.ObjectService/GetUpload');
end
response = levada.internal.call(connection, '/levada_api.v1.ObjectService/GetUpload', request, seconds);
end
