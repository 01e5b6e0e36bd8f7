function responses = copyObjects(connection, request)
%COPYOBJECTS Copy the objects of one store into another, in the order of their ids; rows name the copies from then on,
%   and the originals go into quarantine.
%   Registered files stay. For administrators. It may be repeated at any time, and continues with what is left.
%   UNKNOWN_STORE; INVALID_REQUEST if both stores are the same.
%   RESPONSES = COPYOBJECTS(CONNECTION, REQUEST) calls ObjectService.CopyObjects. RESPONSES is a cell.
%
%   Request: CopyObjectsRequest
%       source  char: The store that has them.
%       target  char: The store to copy to.
%       schema  char: Only objects of this schema; empty for all.
%       dry_run  logical: Copy nothing; only count.
%
%   Response: CopyObjectsResponse
%       object_count  int64: Objects that were copied since the last message.
%       size_bytes  int64: Their bytes.
%       row_count  int64: Rows that name the copies since the last message.
%       damages  cell of ObjectDamage: Objects among these that cannot be copied, because their bytes are damaged or
%           missing; they stay.
%
%   Written by generate_stubs.py from proto/.

responses = connection.receive('ObjectService/CopyObjects', request);
end
