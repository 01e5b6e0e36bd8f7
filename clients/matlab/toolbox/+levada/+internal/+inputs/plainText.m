function value = plainText(value)
%PLAINTEXT Turn a string scalar or char of any shape into a char row; return any other value unchanged.

if isa(value, 'string') && isscalar(value)
    value = char(value);
elseif ischar(value) && isempty(value)
    value = '';
end
end
