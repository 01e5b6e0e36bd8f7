function key = leaseKey(connection, lease)
%LEASEKEY Return the key of a lease as a struct, with values as fetch returns them.

table = connection.describeTable(lease.table);
names = cellfun(@(a) a.name, table.heading.attributes, 'UniformOutput', false);
key = struct();
for found = lease.key
    attribute = table.heading.attributes{strcmp(names, found{1}.name)};
    key.(found{1}.name) = levada.internal.values.fetchedValue(found{1}.value, ...
        levada.internal.values.typeKind(attribute.type));
end
end
