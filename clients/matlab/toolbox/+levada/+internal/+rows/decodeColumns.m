function columns = decodeColumns(pieces, exact)
%DECODECOLUMNS Read the pieces of an Arrow stream into flat columns.
%   COLUMNS = DECODECOLUMNS(PIECES) takes a cell of uint8, and gives a struct with the fields row_count, primary_key
%   and columns; mex/src/columns.hpp tells what a column has. Numbers come as double, int64 and uint64 as they are.
%   COLUMNS = DECODECOLUMNS(PIECES, true) keeps the stored classes of numbers.

columns = levada.internal.calls.gateway('decodeColumns', pieces, nargin > 1 && exact);
end
