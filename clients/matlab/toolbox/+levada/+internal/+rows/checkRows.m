function faults = checkRows(table, rows, ignoreExtraFields)
%CHECKROWS Ask the server which rows cannot be inserted; see levada.Table/validate.

mostRows = 1000;
connection = conn(table);
name = tableName(table);
attributes = heading(table);
mostBytes = double(connection.Limits.message_bytes) / 4;
faults = struct('row', {}, 'attribute', {}, 'identifier', {}, 'message', {});
if isa(rows, 'levada.Relation')
    rows = fetch(rows, '*', 'Exact', true);
end
byRow = isstruct(rows);
number = size(rows, 1);
if byRow
    rows = rows(:);
    number = numel(rows);
end
first = 1;
while first <= number
    last = min(first + mostRows - 1, number);
    found = check(first, last);
    if ~isempty(found)
        faults = [faults; found]; %#ok<AGROW>
    end
    first = last + 1;
end

    function found = check(first, last)
        named = struct('IgnoreExtraFields', ignoreExtraFields, 'Exact', true, 'Stager', ...
            levada.internal.objects.Stager(connection, name, attributes));
        if byRow
            part = rows(first:last);
        else
            part = rows(first:last, :);
        end
        columns = levada.internal.rows.rowColumns(part, attributes, [name.schema '.' name.table], named);
        pieces = levada.internal.rows.encodeColumns(columns);
        stream = [pieces{:}];
        if numel(stream) > mostBytes && last > first
            middle = floor((first + last) / 2);
            found = [check(first, middle); check(middle + 1, last)];
            return
        end
        request = struct('name', name, 'arrow_ipc', stream, ...
            'options', struct('ignore_extra_fields', ignoreExtraFields, 'allow_direct_insert', true));
        response = levada.internal.api.checkRows(connection, request);
        found = struct('row', {}, 'attribute', {}, 'identifier', {}, 'message', {});
        if isfield(response, 'faults')
            for fault = response.faults
                found(end + 1, 1) = struct('row', first + double(fault{1}.row), 'attribute', fault{1}.attribute, ...
                    'identifier', fault{1}.error.identifier, 'message', fault{1}.error.message); %#ok<AGROW>
            end
        end
    end
end
