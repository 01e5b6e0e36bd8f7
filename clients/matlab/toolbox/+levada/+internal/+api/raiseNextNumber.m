function response = raiseNextNumber(connection, request, varargin)
%RAISENEXTNUMBER Raise the number that the server gives out next for the auto_increment attribute of a table.
%   It never goes back, and always passes the stored ones. UNKNOWN_TABLE; INVALID_REQUEST if no attribute of the table
%   is numbered, or for a number below 1; VALUE_OUT_OF_RANGE for one that the attribute cannot hold.
%   RESPONSE = RAISENEXTNUMBER(CONNECTION, REQUEST, SECONDS) calls SchemaService.RaiseNextNumber. SECONDS is a
%   deadline, and may be left out.
%
%   Request: RaiseNextNumberRequest
%       name  TableName: The table.
%       next_number  int64: The number to give out next, unless that is larger already; at least 1.
%
%   Response: RaiseNextNumberResponse
%       next_number  int64: The number that is given out next.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/RaiseNextNumber', request, varargin{:});
end
