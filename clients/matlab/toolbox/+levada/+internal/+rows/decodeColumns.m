function columns = decodeColumns(pieces, exact)
%DECODECOLUMNS Read the pieces of an Arrow stream into flat columns.
%   COLUMNS = DECODECOLUMNS(PIECES) takes a cell of uint8, and returns a struct with the fields row_count, primary_key
%   and columns; mex/src/columns.hpp says what a column has. Numbers are double, except int64 and uint64, which keep
%   their class.
%   COLUMNS = DECODECOLUMNS(PIECES, true) keeps the stored classes of numbers.

columns = levada.internal.calls.gateway('decodeColumns', pieces, nargin > 1 && exact);
end
