function tables = virtualSchema(varargin)
% virtualSchema  Give the tables of a schema that exists, made in Python or anywhere, without classes here.
%
%   lab = levada.virtualSchema('lab')
%   lab = levada.virtualSchema(connection, 'lab')
%
%   Then lab.Session and, for the part Session.Trial, lab.SessionTrial are tables as any:
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
