function response = getUpload(connection, request, varargin)
%GETUPLOAD How much of a file has arrived: there an upload that broke goes on.
%   UNKNOWN_OBJECT as above.
%   RESPONSE = GETUPLOAD(CONNECTION, REQUEST, SECONDS) calls ObjectService.GetUpload. SECONDS is a deadline, and may be
%   left out.
%
%   Request: GetUploadRequest
%       upload_id  char: As StageObject gave it.
%       path  char: As in UploadHeader.
%
%   Response: GetUploadResponse
%       received_bytes  int64: Bytes of the file that have arrived; 0 if none have.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.ObjectService/GetUpload', request, varargin{:});
end
