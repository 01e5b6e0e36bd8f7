function value = standIn(object)
%STANDIN Return the value that a blob stores for an object of a class: text, a cell, or a struct that names its kind.
%
%   value = standIn(object)
%
%   A struct whose first field is levada_type stands for a kind without a class in MATLAB; docs/matlab has the list.
%   Objects of other classes, function handles among them, are refused. NaT, missing texts and spans that are NaN are [].

switch class(object)
    case 'string'
        value = texts(object);
        if isscalar(object)
            value = value{1};
        end
    case 'categorical'
        value = texts(object);
    case 'datetime'
        value = momentOf(object);
    case 'duration'
        value = spanOf(object);
    case 'table'
        columns = cellfun(@(n) object.(n), object.Properties.VariableNames, 'UniformOutput', false);
        value = struct('levada_type', 'table', 'names', {object.Properties.VariableNames}, 'columns', {columns});
    case 'containers.Map'
        value = struct('levada_type', 'any_map', 'keys', {keys(object)}, 'values', {values(object)});
        if strcmp(object.KeyType, 'char')
            value.levada_type = 'map';
        end
    otherwise
        levada.internal.errors.fail('WrongValue', ...
            'A value of class %s cannot be stored. Turn it into a struct, numbers or text.', class(object));
end
end

function values = texts(object)
isMissing = ismissing(object);
values = cellstr(object);
values(isMissing) = {[]};
end

function value = spanOf(object)
counts = milliseconds(object) * 1000;
if isscalar(counts) && isnan(counts)
    value = [];
elseif any(isnan(counts(:)))
    levada.internal.errors.fail('WrongValue', ...
        'An array of duration with NaN cannot be stored in a blob. Store its numbers, such as seconds(value).');
else
    value = struct('levada_type', 'duration', 'microseconds', int64(counts));
end
end

function value = momentOf(object)
if ~isscalar(object)
    value = arrayfun(@momentOf, object, 'UniformOutput', false);
    return
end
if isnat(object)
    value = [];
    return
end
zone = object.TimeZone;
moment = object;
moment.TimeZone = 'UTC';
if isempty(zone)
    moment = object;
end
epoch = datetime(1970, 1, 1, 'TimeZone', moment.TimeZone);
value = struct('levada_type', 'timestamp', 'microseconds', int64(seconds(moment - epoch) * 1e6), 'zone', zone);
end
