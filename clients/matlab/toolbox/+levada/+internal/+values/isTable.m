function answer = isTable(value)
% isTable  Tell whether a value is a table. Where there are none, nothing is.

answer = isa(value, 'table');
end
