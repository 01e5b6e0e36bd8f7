function response = commitObject(connection, request, varargin)
%COMMITOBJECT Check an object and put it into its place.
%   Idempotent. DAMAGED_OBJECT if size or hash differ; nothing is kept then. WRONG_VALUE if an `<npy@s>` is no array
%   that NumPy reads without pickle.
%   RESPONSE = COMMITOBJECT(CONNECTION, REQUEST, SECONDS) calls ObjectService.CommitObject. SECONDS is a deadline, and
%   may be left out.
%
%   Request: CommitObjectRequest
%       upload_id  char: As StageObject gave it.
%       hash  char: As in ObjectReference. Optional; a client that resumed an upload gives it.
%       size_bytes  int64: As in ObjectReference.
%
%   Response: CommitObjectResponse
%       object  ObjectReference: The object: for `<blob@s>` and `<hash@s>` another one, if that has the same bytes.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.ObjectService/CommitObject', request, varargin{:});
end
