function value = fetchedValue(value, kind)
% fetchedValue  Turn a key attribute's value, as the gateway gives it, into what fetch gives.
%
%   kind  of the attribute's type

if isstruct(value)  % a kind that MATLAB has not; see levada.internal.values.standIn
    switch value.levada_type
        case 'date'
            value = levada.internal.values.timeText(value.days, 'date');
        case 'time'
            value = levada.internal.values.timeText(value.microseconds, 'time');
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
