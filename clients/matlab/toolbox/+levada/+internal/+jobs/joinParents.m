function source = joinParents(table)
%JOINPARENTS Return the join of the tables that a table's primary key refers to, with its own attribute names.

connection = conn(table);
described = connection.describeTable(tableName(table));
source = [];
if isfield(described, 'foreign_keys')
    for found = described.foreign_keys
        key = found{1};
        if isfield(key, 'primary_key') && key.primary_key
            parent = keysOf(connection, key);
            if ~isa(source, 'levada.Relation')
                source = parent;
            else
                source = source * parent;
            end
        end
    end
end
if ~isa(source, 'levada.Relation')
    levada.internal.errors.fail('InvalidDefinition', ...
        '`%s` refers to no table in its primary key, so it needs a property keySource.', class(table));
end
end

function parent = keysOf(connection, key)
renames = {};
for found = key.attributes
    pair = found{1};
    if ~strcmp(pair.child, pair.parent)
        renames{end + 1} = sprintf('%s->%s', pair.parent, pair.child); %#ok<AGROW>
    end
end
parent = proj(levada.FreeTable(connection, [key.parent.schema '.' key.parent.table]), renames{:});
end
