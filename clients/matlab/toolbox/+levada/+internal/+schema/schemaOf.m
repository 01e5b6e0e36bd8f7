function schema = schemaOf(className)
%SCHEMAOF Return the schema of a table's class, from the getSchema of its package.

[package, name] = levada.internal.schema.splitName(className);
if isempty(package)
    levada.internal.errors.fail('InvalidDefinition', ...
        ['The class `%s` belongs to no package, so to no schema: put it into a ' ...
        'folder such as +lab, beside a getSchema.m.'], name);
end
try
    schema = feval([package '.getSchema']);
catch failure
    if ~isempty(which([package '.getSchema']))  % `which` is slow, and rarely needed
        rethrow(failure)
    end
    levada.internal.errors.fail('InvalidDefinition', ...
        ['The package +%s has no getSchema.m that says which schema its classes ' ...
        'belong to; see help levada.Schema.'], package);
end
if ~isa(schema, 'levada.Schema')
    levada.internal.errors.fail('InvalidDefinition', ...
        '%s.getSchema returns a %s, not a levada.Schema.', package, class(schema));
end
end
