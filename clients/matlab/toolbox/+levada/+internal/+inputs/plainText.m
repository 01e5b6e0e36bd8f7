function value = plainText(value)
%PLAINTEXT Turn a string scalar, and text of any shape but a row, into a char row; leave everything else.

if isa(value, 'string') && isscalar(value)
    value = char(value);
elseif ischar(value) && isempty(value)
    value = '';
end
end
