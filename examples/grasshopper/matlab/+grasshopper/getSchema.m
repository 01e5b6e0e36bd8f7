function schema = getSchema()
%GETSCHEMA Return the schema of the classes in +grasshopper, which examples/grasshopper/pipeline.py declares.

persistent made
if isempty(made)
    made = levada.Schema('grasshopper', 'grasshopper');
end
schema = made;
end
