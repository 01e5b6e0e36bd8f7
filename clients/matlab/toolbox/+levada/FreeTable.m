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
            self@levada.AutoPopulate(varargin{:});
        end
    end
end
