classdef Manual < levada.Table
%MANUAL Base class of tables whose rows come from people and instruments.
%
%   In the file +lab/Subject.m:
%       %{
%       # an animal
%       subject_id : int32
%       ---
%       name = '' : varchar(40)
%       %}
%       classdef Subject < levada.Manual
%       end
%
%   The definition may stand in a constant property instead, as text or as a cell of lines:
%       properties (Constant)
%           definition = {
%               'subject_id : int32'
%               '---'
%               'name = "" : varchar(40)'}
%       end
%
%   Insert into it, and query it: insert(lab.Subject, rows), fetch(lab.Subject & condition, '*').
%
%   See also levada.Table, levada.Schema

    methods
        function self = Manual(varargin)
            %MANUAL Make the relation of the whole table.
            self@levada.Table(varargin{:});
        end
    end
end
