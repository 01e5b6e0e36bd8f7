function [columns, receipt] = streamColumns(connection, request, exact)
%STREAMCOLUMNS Fetch a relation as columns.
%   COLUMNS = STREAMCOLUMNS(CONNECTION, REQUEST) takes a FetchRelationRequest, and returns the result of DECODECOLUMNS.
%   COLUMNS = STREAMCOLUMNS(CONNECTION, REQUEST, true) keeps the stored classes of numbers.
%   [COLUMNS, RECEIPT] = STREAMCOLUMNS(...) also returns the receipt of a read under a lease, empty without one.

responses = levada.internal.api.fetchRelation(connection, request);
pieces = cellfun(@(response) response.arrow_ipc, responses, 'UniformOutput', false);
columns = levada.internal.rows.decodeColumns(pieces, nargin > 2 && exact);
receipt = responses{end}.read_receipt;
end
