function responses = fetchRelation(connection, request)
%FETCHRELATION Return the entities of a relation as one Arrow IPC stream, schema first.
%   The schema comes from the heading, so an empty result has full types.
%   RESPONSES = FETCHRELATION(CONNECTION, REQUEST) calls QueryService.FetchRelation. RESPONSES is a cell.
%
%   Request: FetchRelationRequest
%       relation  Relation: The relation.
%       lease_token  char: Lease token of the job that reads, if a job does; otherwise empty. MAKE_CONTRACT if it may
%           not read here.
%       read_receipt  uint8: Receipt of the job's earlier reads, to be extended by this one. Optional.
%       digest  logical: Also return a digest of the rows.
%       compressions  cell of Compression: The compressions that the client can read, best first; the server uses the
%           first, and only for large batches. Empty: no compression, which is best if client and server share a
%           machine.
%       recordings  cell of char: The recordings of the caller that keep this read, at most 16. NOT_FOUND if the caller
%           has no such recording.
%
%   Response: FetchRelationResponse
%       arrow_ipc  uint8: The next bytes of the stream, at most about 1 MB. The stream's schema carries the metadata
%           `levada.primary_key` (names, separated by commas), and each field `levada.type`, the type as a definition
%           spells it.
%       read_receipt  uint8: In the last piece of a read under a lease: the signed receipt of all reads so far.
%       digest  char: In the last piece, if requested: identifies the rows, regardless of their order.
%
%   Written by generate_stubs.py from proto/.

responses = connection.receive('QueryService/FetchRelation', request);
end
