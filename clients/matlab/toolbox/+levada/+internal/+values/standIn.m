function value = standIn(object)
%STANDIN Return the value that a blob stores for an object of a class: text, a cell, or a struct that names its kind.
%
%   value = standIn(object)
%
%   Missing values (NaT, missing, an undefined category, a duration of NaN) become [], which is NULL.
%
%   A struct whose first field is levada_type stands for a kind without a class in MATLAB; docs/matlab has the list.
%   Objects of other classes, function handles among them, are refused.

switch class(object)
    case 'string'
        value = textsOf(object);
        if isscalar(object)
            value = value{1};
        end
    case 'categorical'
        value = textsOf(object);
    case 'missing'
        value = cell(size(object));
        if isscalar(object)
            value = [];
        end
    case 'datetime'
        value = momentOf(object);
    case 'duration'
        value = spanOf(object);
    case 'table'
        columns = cellfun(@(n) columnOf(object.(n)), object.Properties.VariableNames, 'UniformOutput', false);
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

function value = textsOf(object)
value = cell(size(object));
isThere = ~ismissing(object);
if any(isThere(:))
    value(isThere) = cellstr(object(isThere));
end
end

function value = columnOf(column)
% A column of one row is a list too, not the value in it.
value = column;
if isscalar(column) && any(strcmp(class(column), {'string', 'categorical', 'missing', 'datetime', 'duration'}))
    value = levada.internal.values.standIn(column);
    if ~iscell(value)
        value = {value};
    end
end
end

function value = spanOf(object)
if ~isscalar(object)
    value = eachOf(@spanOf, object);
elseif ismissing(object)
    value = [];
else
    checkFinite(object);
    value = struct('levada_type', 'duration', 'microseconds', int64(milliseconds(object) * 1000));
end
end

function value = momentOf(object)
if ~isscalar(object)
    value = eachOf(@momentOf, object);
    return
elseif ismissing(object)
    value = [];
    return
end
checkFinite(object);
zone = object.TimeZone;
moment = object;
moment.TimeZone = 'UTC';
if isempty(zone)
    moment = object;
end
% Days and the rest apart: together as a double, they lose microseconds in far years.
midnight = dateshift(moment, 'start', 'day');
wholeDays = int64(days(midnight - datetime(1970, 1, 1, 'TimeZone', moment.TimeZone)));
microseconds = wholeDays * int64(86400e6) + int64(milliseconds(moment - midnight) * 1000);
value = struct('levada_type', 'timestamp', 'microseconds', microseconds, 'zone', zone);
end

function values = eachOf(convert, objects)
values = cell(size(objects));
for index = 1:numel(objects)
    values{index} = convert(objects(index));
end
end

function checkFinite(object)
if isinf(object)
    levada.internal.errors.fail('WrongValue', 'A %s that is infinite cannot be stored.', class(object));
end
end
