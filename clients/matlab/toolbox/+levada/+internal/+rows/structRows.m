function rows = structRows(result, names, exact)
%STRUCTROWS Turn columns into a struct array with one element per row (n-by-1).
%
%   rows = structRows(result, names, exact)
%
%   names  of the columns to take, in order

number = result.row_count;
if isempty(names)
    rows = repmat(struct(), number, 1);
    return
end
found = levada.internal.rows.columnNames(result);
cells = cell(numel(names), number);
for index = 1:numel(names)
    cells(index, :) = levada.internal.rows.listedValues(result.columns{strcmp(found, names{index})}, exact);
end
rows = cell2struct(cells, reshape(names, 1, []), 1);
end
