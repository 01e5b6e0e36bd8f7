function outcome = runDiscovery(table, lease, patienceSeconds)
%RUNDISCOVERY Call the discover of a table under a lease, insert the new rows, and record how it ended.
%
%   patienceSeconds  how long to keep trying to record it while the server is out of reach
%
%   outcome  a struct with state ('success', 'error', or 'lost': to another worker, or with its table or the right to fill
%            it), rowCount (of the new rows), seconds and error ([] if there is none)

mostRows = 1000;  % in one insert
connection = conn(table);
isStored = false;
count = 0;
refusals = {};
failure = [];
started = tic();
try
    isStored = any(cellfun(@(a) strcmp(levada.internal.values.typeKind(a.type), 'object'), heading(table)));
    rows = table.discover();
    if connection.inTransaction()
        levada.internal.errors.fail('PreconditionFailed', ...
            'discover of `%s` leaves a transaction open, which is undone; end it in discover.', class(table));
    end
    if isstruct(rows)
        rows = rows(:);
    end
    for first = 1:mostRows:size(rows, 1)
        insertSome(rows(first:min(first + mostRows - 1, size(rows, 1)), :));
    end
    failure = refusal(refusals);
catch raised
    failure = raised;
    connection.cancelTransaction();  % one that discover has left open
end
seconds = toc(started);
outcome = struct('state', 'success', 'rowCount', count, 'seconds', seconds, 'error', {failure});
request = struct('name', lease.table, 'lease_token', lease.lease_token, 'row_count', int64(count), 'duration', ...
    levada.internal.values.durationMessage(seconds));
if ~isempty(failure)
    outcome.state = 'error';
    request.error = levada.internal.jobs.errorMessage(failure);
end
try
    levada.internal.calls.repeatCall(@() levada.internal.api.completeDiscovery(connection, request), ...
        patienceSeconds, @levada.internal.errors.isTransient);
catch lost
    pass(lost);
    outcome.state = 'lost';
    if strcmp(lost.identifier, 'levada:LeaseLost')
        outcome.error = [];
    elseif isempty(failure)  % the table, or the right to fill it, is gone
        outcome.error = lost;
    end
end

    function insertSome(some)
        % A row that is refused does not hold the others back.
        try
            insertNew(some);
        catch refused
            pass(refused);
            for index = 1:size(some, 1)
                try
                    insertNew(some(index, :));
                catch refused
                    pass(refused);
                    refusals{end + 1} = refused;
                end
            end
        end
    end

    function insertNew(some)
        if isStored  % what is in stores is not sent again for rows that are there
            some = some(arrayfun(@(index) isNew(table, some(index, :)), 1:size(some, 1)), :);
        end
        count = count + levada.internal.rows.insertRows(table, some, {'SkipDuplicates', true, 'AllowDirectInsert', true});
    end
end

function pass(failure)
% Only what the server refuses is the fault of a row, or of the table.
if ~levada.internal.errors.isRefusal(failure)
    rethrow(failure)
end
end

function answer = isNew(table, row)
names = primaryKey(table);
if iscell(row)
    key = cell2struct(row(1:min(end, numel(names))), names(1:min(end, numel(row))), 2);
elseif levada.internal.values.isTable(row)
    key = table2struct(row);
else
    key = row;
end
given = reshape(fieldnames(key), 1, []);
answer = ~all(ismember(names, given)) || ~exists(table & rmfield(key, setdiff(given, names)));
end

function failure = refusal(refusals)
% Return the first error of a row, and how many others were refused.
failure = [];
if isempty(refusals)
    return
end
failure = struct('identifier', refusals{1}.identifier, 'message', refusals{1}.message, 'stack', refusals{1}.stack);
others = numel(refusals) - 1;
if others == 1
    failure.message = [failure.message ' This and 1 other row were refused.'];
elseif others > 1
    failure.message = sprintf('%s This and %d other rows were refused.', failure.message, others);
end
end
