function response = replaceResults(connection, requests)
%REPLACERESULTS Replace results by what was computed under leases of LeaseResults: all or none.
%   The keys stay, so what depends on them stays too. LEASE_LOST if one was computed by somebody else since.
%   HAS_CHILDREN if other rows depend on a row that was not computed again. Idempotent by lease token.
%   RESPONSE = REPLACERESULTS(CONNECTION, REQUESTS) calls JobService.ReplaceResults. REQUESTS is a cell.
%
%   Request: ReplaceResultsRequest
%       job  JobHeader: (one of `content`) A job begins.
%       rows  JobRows: (one of `content`) An insert of that job begins.
%       arrow_ipc  uint8: (one of `content`) The next bytes of that insert's Arrow IPC stream.
%
%   Response: ReplaceResultsResponse
%       result_count  int64: How many results were replaced or renewed.
%
%   Written by generate_stubs.py from proto/.

response = connection.send('JobService/ReplaceResults', requests);
end
