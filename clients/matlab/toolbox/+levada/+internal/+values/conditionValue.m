function value = conditionValue(value, place)
%CONDITIONVALUE Turn a value that an attribute is compared with or set to into the form in which it is sent.
%
%   value = conditionValue(value, place)
%
%   value  a number, logical or text; a vector or cell of these means one of them; [] and NaN mean NULL; a datetime or
%          duration, which travels as text: the server reads it as its attribute's type
%   place  its name in errors

value = levada.internal.inputs.plainText(value);
if isa(value, 'datetime') || isa(value, 'duration')
    value = levada.internal.values.datetimeText(value);
end
if ischar(value) && (isrow(value) || isempty(value))
    return
elseif (isnumeric(value) || iscell(value)) && isempty(value)
    value = [];
elseif iscell(value)
    value = listed(value, place);
elseif isa(value, 'string') || isa(value, 'categorical')
    value = listed(cellstr(value), place);
elseif (isnumeric(value) || islogical(value)) && ~isscalar(value)
    value = listed(num2cell(value), place);
elseif isfloat(value) && isnan(value)
    % NULL is fetched as NaN, so NaN here means NULL, and also an attribute that is NaN itself.
    value = {[], NaN};
elseif isfloat(value) && isreal(value) && value == fix(value) && abs(value) < flintmax
    value = int64(value);
elseif ~isnumeric(value) && ~islogical(value)
    levada.internal.errors.fail('WrongValue', ...
        '%s: a %s of size %s cannot be the value of an attribute.', place, class(value), ...
        mat2str(size(value)));
end
end

function values = listed(values, place)
values = cellfun(@(v) levada.internal.values.conditionValue(v, place), reshape(values, 1, []), 'UniformOutput', false);
end
