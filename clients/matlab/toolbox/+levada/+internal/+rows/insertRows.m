function number = insertRows(table, rows, inputs)
%INSERTROWS Insert rows, straight to the server or into the buffer of the make that runs; see levada.Table/insert.
%
%   number  how many were sent straight to the server, and are new or replaced

number = 0;
named = insertOptions(inputs);
options = struct('skip_duplicates', named.SkipDuplicates, 'replace', named.Replace, ...
    'ignore_extra_fields', named.IgnoreExtraFields, 'allow_direct_insert', named.AllowDirectInsert);
name = tableName(table);
connection = conn(table);
scope = levada.internal.jobs.currentWork();
if ~isempty(scope)
    scope.checkTable(name);
end
isBuffered = ~isempty(scope) && ~scope.Open;
if isa(rows, 'levada.Relation') && ~isBuffered
    request = struct('name', name, 'relation', rows.message(), 'options', options, 'request_id', ...
        levada.internal.calls.gateway('requestId'));
    answer = levada.internal.api.insertRelation(connection, request);
    number = double(answer.row_count);
    return
end
if isa(rows, 'levada.Relation')
    rows = fetch(rows, '*', 'Exact', true);
    named.Exact = true;
end
attributes = heading(table);
named.Stager = levada.internal.objects.Stager(connection, name, attributes);
columns = levada.internal.rows.rowColumns(rows, attributes, [name.schema '.' name.table], named);
if isempty(columns) || isempty(columns(1).values)
    return
end
if isBuffered
    scope.insert(name, options, columns);
else
    header = struct('header', struct('name', name, 'options', options, 'request_id', ...
        levada.internal.calls.gateway('requestId')));
    pieces = levada.internal.rows.encodeColumns(columns);
    messages = [{header}, cellfun(@(p) struct('arrow_ipc', p), pieces, 'UniformOutput', false)];
    number = levada.internal.rows.sendRows(connection, messages);
end
end

function named = insertOptions(inputs)
commands = {'INSERT', 'IGNORE', 'INSERT IGNORE', 'REPLACE'};
command = 'INSERT';
if ~isempty(inputs) && mod(numel(inputs), 2) == 1
    command = upper(levada.internal.inputs.plainText(inputs{1}));
    inputs(1) = [];
    if ~any(strcmp(command, commands))
        levada.internal.errors.fail('InvalidRequest', ...
            'insert takes ''IGNORE'' or ''REPLACE'' after the rows, not ''%s''.', command);
    end
end
defaults = struct('SkipDuplicates', any(strcmp(command, {'IGNORE', 'INSERT IGNORE'})), ...
    'Replace', strcmp(command, 'REPLACE'), 'IgnoreExtraFields', levada.config('ignoreExtraFields'), ...
    'AllowDirectInsert', false, 'Exact', false);
named = levada.internal.inputs.readOptions(defaults, inputs);
end
