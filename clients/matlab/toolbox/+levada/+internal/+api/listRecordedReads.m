function response = listRecordedReads(connection, request, varargin)
%LISTRECORDEDREADS List the reads of a recording, in the order of their first time.
%   NOT_FOUND if the caller has no such recording.
%   RESPONSE = LISTRECORDEDREADS(CONNECTION, REQUEST, SECONDS) calls RecordingService.ListRecordedReads. SECONDS is a
%   deadline, and may be left out.
%
%   Request: ListRecordedReadsRequest
%       name  char: The recording.
%       page_size  double: At most this many; 0: 100, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%       compare  logical: Repeat each read of the page, to see whether its rows changed; no rows are sent.
%
%   Response: ListRecordedReadsResponse
%       reads  cell of RecordedRead: The reads.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RecordingService/ListRecordedReads', request, varargin{:});
end
