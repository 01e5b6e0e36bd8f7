function pieces = encodeColumns(columns)
%ENCODECOLUMNS Write columns as an Arrow stream.
%   PIECES = ENCODECOLUMNS(COLUMNS) takes a struct array (name, kind, values, nulls; mex/src/columns.hpp), and
%   returns a cell row of uint8, each of at most 1 MB.

pieces = levada.internal.calls.gateway('encodeColumns', columns);
end
