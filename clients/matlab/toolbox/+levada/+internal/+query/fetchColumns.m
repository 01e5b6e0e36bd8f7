function [result, receipt] = fetchColumns(connection, request, exact)
%FETCHCOLUMNS Fetch a relation as columns, in one message if its limit says that the rows are few.
%
%   [result, receipt] = fetchColumns(connection, request, exact)
%
%   See also levada.internal.query.streamColumns

fewRows = 100;
root = request.relation.nodes{end};
if isfield(root, 'top') && isfield(root.top, 'limit') && root.top.limit <= fewRows
    response = levada.internal.api.fetchFewRows(connection, struct('fetch', request));
    if ~response.too_large
        result = levada.internal.rows.decodeColumns({response.result.arrow_ipc}, exact);
        receipt = response.result.read_receipt;
        return
    end
end
[result, receipt] = levada.internal.query.streamColumns(connection, request, exact);
end
