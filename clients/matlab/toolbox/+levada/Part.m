classdef Part < levada.Table
%PART Base class of tables whose rows are inserted together with their master's.
%
%   In the file +lab/SessionTrial.m, the table Session.Trial:
%       %{
%       -> lab.Session
%       trial : int16
%       ---
%       correct : bool
%       %}
%       classdef SessionTrial < levada.Part
%           properties (SetAccess = protected)
%               master = lab.Session
%           end
%       end
%
%   The name of the class begins with that of its master.
%
%   See also levada.Table

    methods
        function self = Part(varargin)
            %PART Make the relation of the whole table.
            self@levada.Table(varargin{:});
        end
    end
end
