function [columns, last] = streamColumns(connection, request, exact)
%STREAMCOLUMNS Fetch a relation as columns.
%   COLUMNS = STREAMCOLUMNS(CONNECTION, REQUEST) takes a FetchRelationRequest, and returns the result of DECODECOLUMNS.
%   COLUMNS = STREAMCOLUMNS(CONNECTION, REQUEST, true) keeps the stored classes of numbers.
%   [COLUMNS, LAST] = STREAMCOLUMNS(...) also returns the last piece, with the receipt of a read under a lease.

responses = levada.internal.api.fetchRelation(connection, request);
pieces = cellfun(@(response) response.arrow_ipc, responses, 'UniformOutput', false);
columns = levada.internal.rows.decodeColumns(pieces, nargin > 2 && exact);
last = responses{end};
end
