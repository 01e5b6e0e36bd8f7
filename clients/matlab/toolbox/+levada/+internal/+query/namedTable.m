function root = namedTable(varargin)
%NAMEDTABLE Return the node of a table by its full name; see levada.FreeTable.
%
%   root = namedTable('lab.Session')
%   root = namedTable(connection, 'lab.Session')

inputs = varargin;
connection = [];
if ~isempty(inputs) && isa(inputs{1}, 'levada.Connection')
    connection = inputs{1};
    inputs(1) = [];
end
found = {};
if isscalar(inputs)
    text = levada.internal.inputs.plainText(inputs{1});
    if ischar(text)
        found = regexp(strtrim(text), '^`?([^`.]+)`?\.`?[#_~]*([^`]+?)`?$', 'tokens', 'once');
    else
        text = class(text);
    end
else
    text = sprintf('%d values', numel(inputs));
end
if isempty(found)
    levada.internal.errors.fail('InvalidRequest', ...
        '''%s'' is not a full name of a table; write schema.Table.', text);
end
if isempty(connection)
    connection = levada.conn();
end
reference = struct('schema', found{1}, 'table', found{2}, 'connection', connection);
root = levada.internal.query.makeNode('nodes', 'table', struct('reference', reference));
end
