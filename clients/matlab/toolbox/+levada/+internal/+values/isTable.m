function answer = isTable(value)
%ISTABLE Return whether a value is a table: false in Octave, which has no tables.

answer = isa(value, 'table');
end
