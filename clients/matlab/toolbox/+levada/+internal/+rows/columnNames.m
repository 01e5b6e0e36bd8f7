function names = columnNames(result)
%COLUMNNAMES Return the names of the columns of a result as a cell row.

names = cellfun(@(c) c.name, reshape(result.columns, 1, []), 'UniformOutput', false);
end
