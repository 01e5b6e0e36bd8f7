classdef Lookup < levada.Table
%LOOKUP Base class of tables whose rows come from the class itself.
%
%   In the file +lab/Species.m:
%       %{
%       species : varchar(20)
%       %}
%       classdef Species < levada.Lookup
%           properties (Constant)
%               contents = {'mouse'; 'rat'}   % as the rows of insert
%           end
%       end
%
%   Insert into it, and query it: insert(lab.Species, rows), fetch(lab.Species & condition, '*').
%
%   See also levada.Table, levada.Schema

    methods
        function self = Lookup(varargin)
            %LOOKUP Make the relation of the whole table.
            self@levada.Table(varargin{:});
        end
    end
end
