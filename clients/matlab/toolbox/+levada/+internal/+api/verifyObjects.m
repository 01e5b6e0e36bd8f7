function responses = verifyObjects(connection, request)
%VERIFYOBJECTS Read every byte of objects, in the order of their ids, and report the ones that changed or are missing;
%   for administrators.
%   It sends its progress, and resumes after any id.
%   RESPONSES = VERIFYOBJECTS(CONNECTION, REQUEST) calls ObjectService.VerifyObjects. RESPONSES is a cell.
%
%   Request: VerifyObjectsRequest
%       store  char: Only objects of this store; empty for all.
%       schema  char: Only objects of this schema; empty for all.
%       after  char: Only objects whose ids come after this one; empty for all.
%
%   Response: VerifyObjectsResponse
%       object_count  int64: Objects that were read since the last message.
%       size_bytes  int64: Their bytes.
%       damages  cell of ObjectDamage: Those among them that are damaged.
%       last_id  char: The id of the last one; a call that breaks resumes after it.
%
%   Written by generate_stubs.py from proto/.

responses = connection.receive('ObjectService/VerifyObjects', request);
end
