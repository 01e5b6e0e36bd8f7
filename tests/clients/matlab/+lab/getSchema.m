function schema = getSchema()
%GETSCHEMA Give the schema of the tests' classes.

persistent made
if isempty(made)
    made = levada.Schema('lab', 'lab');
end
schema = made;
end
