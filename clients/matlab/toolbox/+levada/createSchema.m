function createSchema(package, parentFolder, name)
%CREATESCHEMA Create a schema, and the folder of its package with a getSchema.m.
%
%   levada.createSchema('lab', parentFolder, 'lab')
%
%   package       of the classes; the folder +lab is made in parentFolder
%   parentFolder  to be on MATLAB's path
%   name          of the schema at the server
%
%   See also levada.Schema

folder = fullfile(parentFolder, ['+' strrep(package, '.', '/+')]);
file = fullfile(folder, 'getSchema.m');
if exist(file, 'file')
    levada.internal.errors.fail('AlreadyExists', '%s exists already.', file);
end
schema = levada.Schema(package, name);
schema.create();
if ~exist(folder, 'dir')
    mkdir(folder);
end
lines = {
    'function schema = getSchema()'
    sprintf('%%GETSCHEMA Return the schema of the classes in +%s.', package)
    ''
    'persistent made'
    'if isempty(made)'
    sprintf('    made = levada.Schema(''%s'', ''%s'');', package, name)
    'end'
    'schema = made;'
    'end'};
levada.internal.schema.writeText(file, lines);
end
