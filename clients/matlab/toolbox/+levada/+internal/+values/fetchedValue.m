function value = fetchedValue(value, kind)
%FETCHEDVALUE Turn the value of a key attribute from the gateway into the value that fetch returns.
%
%   kind  of the attribute's type

if isstruct(value)  % a kind that MATLAB does not have; see levada.internal.values.standIn
    switch value.levada_type
        case 'date'
            value = levada.internal.values.timeText(value.days, 'date');
        case {'time', 'duration'}
            value = levada.internal.values.timeText(value.microseconds, value.levada_type);
        case 'timestamp'
            value = levada.internal.values.timeText(value.microseconds, kind);
        otherwise  % decimal, uuid
            value = value.text;
    end
    if iscell(value)
        value = value{1};
    end
elseif isinteger(value) && ~strcmp(kind, 'int64')
    value = double(value);
end
end
