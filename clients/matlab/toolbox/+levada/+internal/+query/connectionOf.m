function connection = connectionOf(root)
%CONNECTIONOF Return the one connection of the tables of an expression.

connection = [];
seen = [];
pending = {root};
while ~isempty(pending)
    current = pending{end};
    pending(end) = [];
    if any(seen == current.id)
        continue
    end
    seen(end + 1) = current.id; %#ok<AGROW>
    if isstruct(current.body) && isfield(current.body, 'reference')
        connection = same(connection, ofReference(current.body.reference));
    end
    pending = [pending, reshape(current.uses(:, 2), 1, [])]; %#ok<AGROW>
end
if isempty(connection)
    levada.internal.errors.fail('InvalidRequest', ...
        'levada.U alone has no entities; restrict or aggregate a table by it: levada.U(''name'') & lab.Session.');
end
end

function connection = ofReference(reference)
if isfield(reference, 'class')
    schema = levada.internal.schema.schemaOf(reference.class);
    connection = schema.conn();
else
    connection = levada.internal.calls.openConnection(reference.connection);
end
end

function connection = same(first, second)
if ~isempty(first) && first.Channel ~= second.Channel
    levada.internal.errors.fail('InvalidRequest', ...
        ['Two connections cannot answer one query: its tables were made with one to %s and another to %s. Make them with ' ...
        'the same levada.Connection, or fetch one side first.'], first.Address, second.Address);
end
connection = second;
end
