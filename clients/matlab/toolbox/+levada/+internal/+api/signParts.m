function response = signParts(connection, request, varargin)
%SIGNPARTS Sign the requests that send some parts of a file that has begun.
%   Each is for one part and its checksum, for 15 minutes. Sign again for a part that is sent again. UNKNOWN_OBJECT as
%   above.
%   RESPONSE = SIGNPARTS(CONNECTION, REQUEST, SECONDS) calls ObjectService.SignParts. SECONDS is a deadline, and may be
%   left out.
%
%   Request: SignPartsRequest
%       upload_id  char: As returned by StageObject.
%       path  char: As in UploadHeader.
%       parts  cell of FilePart: The parts; at most 100.
%
%   Response: SignPartsResponse
%       requests  cell of SignedRequest: The requests, in the order of the parts.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/SignParts', request, varargin{:});
end
