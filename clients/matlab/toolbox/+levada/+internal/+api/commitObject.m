function response = commitObject(connection, request, varargin)
%COMMITOBJECT Check an object and move it to its place.
%   Idempotent. DAMAGED_OBJECT if size or hash differ; then nothing is kept. WRONG_VALUE if an `<npy@s>` is not an
%   array that NumPy can read without pickle.
%   RESPONSE = COMMITOBJECT(CONNECTION, REQUEST, SECONDS) calls ObjectService.CommitObject. SECONDS is a deadline, and
%   may be left out.
%
%   Request: CommitObjectRequest
%       upload_id  char: As returned by StageObject.
%       hash  char: As in ObjectReference. Optional; a client that resumed an upload sets it.
%       size_bytes  int64: As in ObjectReference.
%
%   Response: CommitObjectResponse
%       object  ObjectReference: The object: for `<blob@s>` and `<hash@s>` an existing one, if it has the same bytes.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/CommitObject', request, varargin{:});
end
