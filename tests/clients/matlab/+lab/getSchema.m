function schema = getSchema()
%GETSCHEMA Return the schema of the tests' classes.

persistent made
if isempty(made)
    made = levada.Schema('lab', 'lab');
end
schema = made;
end
