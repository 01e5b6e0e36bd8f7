function value = npyValue(bytes)
%NPYVALUE Read the bytes of a .npy file as an array, in its stored class. A vector is a column.
%
%   Errors: levada:Unsupported (the array has elements that MATLAB does not have, such as text or times).

if numel(bytes) < 10 || ~isequal(bytes(1:6), uint8([147, double('NUMPY')]))
    levada.internal.errors.fail('DamagedObject', 'The object is not a .npy file.');
end
if bytes(7) == 1
    headerBytes = double(typecast(bytes(9:10), 'uint16'));
    first = 11;
else
    headerBytes = double(typecast(bytes(9:12), 'uint32'));
    first = 13;
end
header = char(bytes(first:first + headerBytes - 1));
content = bytes(first + headerBytes:end);
dtype = regexp(header, '''descr'':\s*''([<>|=][a-z]\d+)''', 'tokens', 'once');
order = regexp(header, '''fortran_order'':\s*(True|False)', 'tokens', 'once');
shape = regexp(header, '''shape'':\s*\(([\d,\s]*)\)', 'tokens', 'once');
known = {'b1', 'logical'; 'i1', 'int8'; 'u1', 'uint8'; 'i2', 'int16'; 'u2', 'uint16'; 'i4', 'int32'; 'u4', 'uint32'; ...
    'i8', 'int64'; 'u8', 'uint64'; 'f4', 'single'; 'f8', 'double'; 'c8', 'single'; 'c16', 'double'};
if isempty(dtype) || isempty(order) || isempty(shape) || ~any(strcmp(known(:, 1), dtype{1}(2:end)))
    levada.internal.errors.fail('Unsupported', ...
        'MATLAB has no array like this one (%s); download the file instead.', strtrim(header));
end
dtype = dtype{1};
className = known{strcmp(known(:, 1), dtype(2:end)), 2};
if strcmp(className, 'logical')
    value = logical(content);
else
    value = typecast(content, className);
    if dtype(1) == '>'
        value = swapbytes(value);
    end
end
if dtype(2) == 'c'
    value = complex(value(1:2:end), value(2:2:end));
end
shape = sscanf(strrep(shape{1}, ',', ' '), '%d')';
if strcmp(order{1}, 'True')
    value = reshape(value, [shape, ones(1, 2 - numel(shape))]);
else  % the last index is the fastest
    value = reshape(value, [fliplr(shape), ones(1, 2 - numel(shape))]);
    if numel(shape) > 1
        value = permute(value, numel(shape):-1:1);
    end
end
end
