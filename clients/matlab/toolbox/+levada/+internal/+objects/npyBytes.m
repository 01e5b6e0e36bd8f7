function bytes = npyBytes(value, place)
%NPYBYTES Return the .npy file of an array: of numbers or logicals, real or complex, as it lies in memory.
%
%   bytes = npyBytes(value, place)
%
%   place  names the value in errors

kinds = {'logical', '|b1'; 'int8', '|i1'; 'uint8', '|u1'; 'int16', '<i2'; 'uint16', '<u2'; 'int32', '<i4'; ...
    'uint32', '<u4'; 'int64', '<i8'; 'uint64', '<u8'; 'single', '<f4'; 'double', '<f8'};
at = strcmp(kinds(:, 1), class(value));
if ~any(at) || issparse(value)
    levada.internal.errors.fail('WrongValue', ...
        '%s: an array of numbers or logicals, or the path of a .npy file, goes there, not a %s.', place, class(value));
end
dtype = kinds{at, 2};
if ~isreal(value)
    if ~isfloat(value)
        levada.internal.errors.fail('WrongValue', '%s: complex whole numbers have no type in NumPy.', place);
    end
    dtype = sprintf('<c%d', 2 * str2double(dtype(3)));
    parts = [reshape(real(value), 1, []); reshape(imag(value), 1, [])];
else
    parts = value;
end
shape = sprintf('%d, ', size(value));
header = sprintf('{''descr'': ''%s'', ''fortran_order'': True, ''shape'': (%s), }', dtype, shape(1:end - 1));
preamble = 10;
header = [header repmat(' ', 1, mod(-(preamble + numel(header) + 1), 64)) char(10)];
if islogical(parts)
    parts = uint8(parts);
end
bytes = [uint8([147, double('NUMPY'), 1, 0]), typecast(uint16(numel(header)), 'uint8'), uint8(header), ...
    typecast(reshape(parts, 1, []), 'uint8')];
end
