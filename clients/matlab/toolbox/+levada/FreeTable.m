classdef FreeTable < levada.AutoPopulate
%FREETABLE Table by its name, without a class, such as one that Python or another package declared.
%
%   table = levada.FreeTable(name)                             'lab.Session', as the server has it
%   table = levada.FreeTable('`lab`.`session__trial`')
%   table = levada.FreeTable(connection, name)                 a part is 'lab.Session.Trial'
%
%   See also levada.Schema, levada.virtualSchema

    methods
        function self = FreeTable(varargin)
            %FREETABLE Name a table. The server is asked when it is first used.
            self@levada.AutoPopulate(varargin{:});
        end
    end
end
