classdef FreeTable < levada.AutoPopulate
%FREETABLE Table by its name, without a class, such as one that Python or another package declared.
%
%   table = levada.FreeTable('lab.Session')
%   table = levada.FreeTable('`lab`.`session__trial`')
%   table = levada.FreeTable(connection, 'lab.Session.Trial')
%
%   See also levada.Schema, levada.virtualSchema

    methods
        function self = FreeTable(varargin)
            %FREETABLE Name a table. The server is asked when it is first used.
            if isa(varargin{1}, 'levada.Connection')
                connection = varargin{1};
                varargin(1) = [];
            else
                connection = levada.conn();
            end
            text = levada.internal.inputs.plainText(varargin{1});
            found = regexp(strtrim(text), '^`?([^`.]+)`?\.`?[#_~]*([^`]+?)`?$', 'tokens', 'once');
            if isempty(found)
                levada.internal.errors.fail('InvalidRequest', ...
                    '''%s'' is not a full name of a table; write schema.Table.', text);
            end
            reference = struct('schema', found{1}, 'table', found{2}, 'connection', connection);
            self@levada.AutoPopulate(levada.internal.query.makeNode('nodes', 'table', struct('reference', reference)));
        end
    end
end
