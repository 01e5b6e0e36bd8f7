function bytes = elementBytes(values, dtype)
%ELEMENTBYTES Write numbers as the bytes of a type of NumPy's: 'float32', 'complex128', 'bool'.

names = struct('float64', 'double', 'float32', 'single', 'bool', 'uint8');
flat = reshape(values, 1, []);
if strncmp(dtype, 'complex', 7)
    part = 'double';
    if strcmp(dtype, 'complex64')
        part = 'single';
    end
    flat = reshape([real(flat); imag(flat)], 1, []);
    bytes = typecast(feval(part, flat), 'uint8');
elseif strcmp(dtype, 'float16')
    levada.internal.errors.fail('Unsupported', ...
        'Arrays of float16 cannot be updated from MATLAB; delete the row and insert it anew.');
else
    name = dtype;
    if isfield(names, dtype)
        name = names.(dtype);
    end
    bytes = typecast(feval(name, flat), 'uint8');
end
end
