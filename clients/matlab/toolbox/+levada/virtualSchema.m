function tables = virtualSchema(varargin)
%VIRTUALSCHEMA Return the tables of an existing schema, wherever it was declared, without classes here.
%
%   lab = levada.virtualSchema(name)
%   lab = levada.virtualSchema(connection, name)
%
%   Then lab.Session and, for the part Session.Trial, lab.SessionTrial are tables like any other:
%       fetch(lab.Session & 'subject_id = 3', '*')
%
%   Errors: levada:UnknownSchema.
%
%   See also levada.Schema, levada.FreeTable

schema = levada.Schema(varargin{:});
if ~schema.exists()
    levada.internal.errors.fail('UnknownSchema', 'There is no schema `%s`.', schema.dbname);
end
tables = schema.v;
end
