function value = withoutStandIns(value)
%WITHOUTSTANDINS Replace the structs in a value that stand for kinds that MATLAB does not have.
%
%   Dates and times become datetime and duration, or text in Octave; decimals, uuids and large integers become text;
%   mappings become containers.Map; tables become table, or a struct of columns in Octave.
%
%   See also levada.internal.values.standIn

if iscell(value)
    value = cellfun(@levada.internal.values.withoutStandIns, value, 'UniformOutput', false);
elseif levada.internal.values.isStandIn(value)
    value = replaced(value);
elseif isstruct(value)
    names = fieldnames(value);
    for index = 1:numel(value)
        for name = reshape(names, 1, [])
            value(index).(name{1}) = levada.internal.values.withoutStandIns(value(index).(name{1}));
        end
    end
end
end

function value = replaced(standIn)
hasTimes = exist('datetime', 'class');
switch standIn.levada_type
    case {'decimal', 'uuid', 'big_integer'}
        value = standIn.text;
    case 'date'
        value = momentOf(standIn.days, 1, '', 'date', hasTimes);
    case 'timestamp'
        kind = 'datetime';
        if ~isempty(standIn.zone)
            kind = 'timestamptz';
        end
        value = momentOf(standIn.microseconds, 86400e6, standIn.zone, kind, hasTimes);
    case {'time', 'duration'}
        value = spanOf(standIn.microseconds, hasTimes);
    case 'map'
        values = levada.internal.values.withoutStandIns(reshape(standIn.values, 1, []));
        value = mapOf(reshape(standIn.keys, 1, []), values, 'char');
    case 'any_map'
        value = anyMapOf(reshape(standIn.keys, 1, []), reshape(standIn.values, 1, []));
    case 'table'
        value = tableOf(standIn);
    case 'tensor'
        value = timesOf(standIn, hasTimes);
    otherwise
        value = standIn;
end
end

function value = momentOf(counts, countsPerDay, zone, kind, hasTimes)
if hasTimes
    utc = '';
    if ~isempty(zone)
        utc = 'UTC';
    end
    value = after(datetime(1970, 1, 1, 'TimeZone', utc), counts, countsPerDay);
    try
        value.TimeZone = zone;
    catch  % this MATLAB does not know the zone; the moment in UTC is the same
    end
else
    value = levada.internal.values.timeText(counts, kind);
    if isscalar(value)
        value = value{1};
    end
end
end

function moment = after(epoch, counts, countsPerDay)
% Days and the rest apart: together as a double, they lose microseconds in far years.
rest = mod(int64(counts), int64(countsPerDay));
wholeDays = (int64(counts) - rest) / int64(countsPerDay);
moment = epoch + days(double(wholeDays)) + seconds(double(rest) * 86400 / countsPerDay);
end

function value = spanOf(microseconds, hasTimes)
if hasTimes
    value = duration(0, 0, double(microseconds) * 1e-6);
    return
end
value = levada.internal.values.timeText(microseconds, 'duration');
value = value{1};
end

function value = mapOf(keys, values, keyType)
if exist('OCTAVE_VERSION', 'builtin') && any(cellfun(@(k) ischar(k) && isempty(k), keys))  % its containers.Map refuses ''
    value = struct('key', keys, 'value', values);
    return
end
value = containers.Map('KeyType', keyType, 'ValueType', 'any');
for index = 1:numel(keys)
    value(keys{index}) = values{index};
end
end

function value = anyMapOf(keys, values)
keys = levada.internal.values.withoutStandIns(keys);
values = levada.internal.values.withoutStandIns(values);
if all(cellfun(@(k) isnumeric(k) && isscalar(k) && isreal(k), keys))
    value = mapOf(cellfun(@double, keys, 'UniformOutput', false), values, 'double');
else
    value = struct('key', keys, 'value', values);
end
end

function value = tableOf(standIn)
columns = levada.internal.values.withoutStandIns(reshape(standIn.columns, 1, []));
isList = cellfun(@(c) iscell(c) && isrow(c), columns);
columns(isList) = cellfun(@(c) reshape(c, [], 1), columns(isList), 'UniformOutput', false);
names = variableNames(reshape(standIn.names, 1, []));
if exist('table', 'class') || exist('table', 'file')
    value = table(columns{:}, 'VariableNames', names);
else
    value = cell2struct(columns, matlab.lang.makeUniqueStrings(matlab.lang.makeValidName(names)), 2);
end
end

function names = variableNames(names)
% Names that a table may have: levels of an index without a name become `index`, as pandas writes them in its columns.
reserved = {'Properties', 'Row', 'RowNames', 'VariableNames', ':'};
names(cellfun(@isempty, names)) = {'index'};
isReserved = ismember(names, reserved);
names(isReserved) = strcat(names(isReserved), '_');
names = matlab.lang.makeUniqueStrings(names);
end

function value = timesOf(standIn, hasTimes)
% Turn arrays of NumPy's datetime64 and timedelta64 into datetime and duration, in Octave into a cell of texts.
value = standIn;
unit = regexp(standIn.dtype, '\[(\w+)\]', 'tokens', 'once');
units = struct('D', 86400, 'h', 3600, 'm', 60, 's', 1, 'ms', 1e-3, 'us', 1e-6, 'ns', 1e-9);
if isempty(unit) || ~isfield(units, unit{1})
    return
end
isMoment = strncmp(standIn.dtype, 'datetime64', 10);
if ~hasTimes
    value = timeTexts(standIn.elements, units.(unit{1}), isMoment);
    return
end
isMissing = standIn.elements == intmin('int64');  % NaT of NumPy
if isMoment
    counts = standIn.elements;
    counts(isMissing) = 0;
    value = after(datetime(1970, 1, 1), counts, round(86400 / units.(unit{1})));
    value(isMissing) = NaT;
else
    counts = double(standIn.elements);
    counts(isMissing) = NaN;
    value = seconds(counts * units.(unit{1}));
end
end

function texts = timeTexts(counts, unitSeconds, isMoment)
% A cell of the same size, with '' for NaT.
isMissing = counts == intmin('int64');
if unitSeconds < 1e-6
    microseconds = idivide(counts, int64(1000), 'floor');
else
    microseconds = counts * int64(round(unitSeconds * 1e6));
end
kind = 'duration';
if isMoment
    kind = 'datetime';
end
microseconds(isMissing) = 0;
texts = reshape(levada.internal.values.timeText(microseconds, kind), size(counts));
texts(isMissing) = {''};
end
