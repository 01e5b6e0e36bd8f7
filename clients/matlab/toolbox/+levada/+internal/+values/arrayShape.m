function shape = arrayShape(type)
%ARRAYSHAPE Return the lengths of the dimensions of a type such as '<array float32(2, 3)>'.

found = regexp(type, '\(([\d\s,]*)\)', 'tokens', 'once');
lengths = str2double(regexp(found{1}, '\d+', 'match'));
shape = reshape(lengths, 1, []);
end
