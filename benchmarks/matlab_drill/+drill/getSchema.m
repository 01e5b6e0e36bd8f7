function schema = getSchema()
%GETSCHEMA Return the schema of the classes in +drill.

persistent made
if isempty(made)
    made = levada.Schema('drill', 'drill');
end
schema = made;
end
