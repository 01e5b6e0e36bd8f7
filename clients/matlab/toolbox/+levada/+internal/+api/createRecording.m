function response = createRecording(connection, request, varargin)
%CREATERECORDING Begin a recording, or go on with one.
%   INVALID_REQUEST for a name that is not 1 to 64 letters, digits, `.`, `_` or `-`.
%   RESPONSE = CREATERECORDING(CONNECTION, REQUEST, SECONDS) calls RecordingService.CreateRecording. SECONDS is a
%   deadline, and may be left out.
%
%   Request: CreateRecordingRequest
%       name  char: The name.
%
%   Response: CreateRecordingResponse
%       recording  Recording: The recording.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RecordingService/CreateRecording', request, varargin{:});
end
