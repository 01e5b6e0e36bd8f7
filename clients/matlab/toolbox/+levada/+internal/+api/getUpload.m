function response = getUpload(connection, request, varargin)
%GETUPLOAD Return how many bytes of a file have arrived; a broken upload resumes there.
%   UNKNOWN_OBJECT as above.
%   RESPONSE = GETUPLOAD(CONNECTION, REQUEST, SECONDS) calls ObjectService.GetUpload. SECONDS is a deadline, and may be
%   left out.
%
%   Request: GetUploadRequest
%       upload_id  char: As returned by StageObject.
%       path  char: As in UploadHeader.
%
%   Response: GetUploadResponse
%       received_bytes  int64: Bytes of the file that have arrived; 0 if none have.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/GetUpload', request, varargin{:});
end
