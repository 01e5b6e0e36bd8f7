function response = listObjectFiles(connection, request, varargin)
%LISTOBJECTFILES List the files of a folder, by path.
%   UNKNOWN_OBJECT.
%   RESPONSE = LISTOBJECTFILES(CONNECTION, REQUEST, SECONDS) calls ObjectService.ListObjectFiles. SECONDS is a
%   deadline, and may be left out.
%
%   Request: ListObjectFilesRequest
%       object_id  char: The object's id.
%       page_size  double: At most this many; 0: 1 000, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListObjectFilesResponse
%       files  cell of ObjectFile: The files.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/ListObjectFiles', request, varargin{:});
end
