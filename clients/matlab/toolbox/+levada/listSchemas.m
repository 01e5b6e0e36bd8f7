function names = listSchemas(connection)
%LISTSCHEMAS Return the names of the schemas that the user may see, in order, as a cell column.
%
%   names = levada.listSchemas()
%   names = levada.listSchemas(connection)

if nargin == 0
    connection = levada.conn();
end
schemas = levada.internal.calls.listPages(connection, @levada.internal.api.listSchemas, 'schemas', struct());
names = reshape(cellfun(@(s) s.name, schemas, 'UniformOutput', false), [], 1);
end
