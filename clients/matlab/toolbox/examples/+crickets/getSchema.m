function schema = getSchema()
%GETSCHEMA Return the schema of the package, which is made once.
%
%   See also levada.Schema

persistent made
if isempty(made)
    made = levada.Schema('crickets', 'crickets');
end
schema = made;
end
