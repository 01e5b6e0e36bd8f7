function response = listRecordings(connection, request, varargin)
%LISTRECORDINGS List the caller's recordings, by name.
%   RESPONSE = LISTRECORDINGS(CONNECTION, REQUEST, SECONDS) calls RecordingService.ListRecordings. SECONDS is a
%   deadline, and may be left out.
%
%   Request: ListRecordingsRequest
%       page_size  double: At most this many; 0: 100, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListRecordingsResponse
%       recordings  cell of Recording: The recordings.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RecordingService/ListRecordings', request, varargin{:});
end
