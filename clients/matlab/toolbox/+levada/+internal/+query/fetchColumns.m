function [result, last] = fetchColumns(connection, request, exact)
%FETCHCOLUMNS Fetch a relation as columns, in one message if its limit says that the rows are few.
%
%   [result, last] = fetchColumns(connection, request, exact)
%
%   last  the last piece of the answer, with the receipt of a read under a lease and its digest, if requested
%
%   See also levada.internal.query.streamColumns

fewRows = 100;
root = request.relation.nodes{end};
if isfield(root, 'top') && isfield(root.top, 'limit') && root.top.limit <= fewRows
    response = levada.internal.api.fetchFewRows(connection, struct('fetch', request));
    if ~response.too_large
        result = levada.internal.rows.decodeColumns({response.result.arrow_ipc}, exact);
        last = response.result;
        return
    end
end
[result, last] = levada.internal.query.streamColumns(connection, request, exact);
end
