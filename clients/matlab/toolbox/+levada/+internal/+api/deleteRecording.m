function response = deleteRecording(connection, request, varargin)
%DELETERECORDING Delete a recording.
%   NOT_FOUND if the caller has no such recording.
%   RESPONSE = DELETERECORDING(CONNECTION, REQUEST, SECONDS) calls RecordingService.DeleteRecording. SECONDS is a
%   deadline, and may be left out.
%
%   Request: DeleteRecordingRequest
%       name  char: The recording.
%
%   Response: DeleteRecordingResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RecordingService/DeleteRecording', request, varargin{:});
end
