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
%   Let new rows come by themselves: a class with a method rows = discover(self) returns rows, in any form that insert
%   takes; it may return all, and those whose keys are there are skipped. levada.worker calls it every 5 minutes, or as
%   often as a property discoverEvery says, in minutes.
%
%   See also levada.worker, levada.Table, levada.Schema

    methods
        function self = Manual(varargin)
            %MANUAL Make the relation of the whole table.
            self@levada.Table(varargin{:});
        end

        function number = discoverNow(self)
            %DISCOVERNOW Call `discover` here, and insert the rows that are new; return how many these are.
            %
            %   It runs under the same lease as in a worker, so never beside one. Rows of discover that the server refuses
            %   do not hold the others back; the first refusal is the error.
            %
            %   Errors: levada:InvalidRequest (there is no discover), levada:InvalidDefinition (discoverEvery is not a
            %   number of minutes), levada:PreconditionFailed (a worker is at it, or a transaction is open, also one
            %   that discover has left open).
            number = levada.internal.jobs.discoverNow(self);
        end
    end
end
