function name = tableName(reference)
%TABLENAME Return the TableName of a table that an expression refers to.
%
%   reference  a struct with `class`, the name of a class, which is declared first if it is not yet; or
%              with `schema` and `table`

if isfield(reference, 'class')
    schema = levada.internal.schema.schemaOf(reference.class);
    name = schema.declare(reference.class);
else
    name = struct('schema', reference.schema, 'table', reference.table);
end
end
