function name = classTableName(className, schema)
%CLASSTABLENAME Return the TableName of a class: `Session`, or `Session.Trial` for the part lab.SessionTrial.

[~, simple] = levada.internal.schema.splitName(className);
if isempty(regexp(simple, '^[A-Z][A-Za-z0-9]*$', 'once'))
    levada.internal.errors.fail('InvalidDefinition', ...
        '`%s` is not a name for a table''s class: write it in CamelCase.', simple);
end
name = struct('schema', schema.dbname, 'table', simple);
table = feval(className);
if isa(table, 'levada.Part')
    masterClass = class(levada.internal.schema.masterOf(table));
    [masterPackage, master] = levada.internal.schema.splitName(masterClass);
    package = levada.internal.schema.splitName(className);
    isPrefix = strncmp(simple, master, numel(master)) && numel(simple) > numel(master);
    if ~isPrefix || ~strcmp(package, masterPackage)
        levada.internal.errors.fail('InvalidDefinition', ...
            ['The name of the part `%s` must begin with that of its master and lie in ' ...
            'the same package: %s.%sTrial.'], className, masterPackage, master);
    end
    above = levada.internal.schema.classTableName(masterClass, schema);  % a part's master may be a part itself
    name.table = [above.table '.' simple(numel(master) + 1:end)];
end
end
