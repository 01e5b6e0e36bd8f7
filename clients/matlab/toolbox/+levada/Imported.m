classdef Imported < levada.AutoPopulate
%IMPORTED Base class of tables whose rows a `make` reads from files and other sources outside the database.
%
%   In all else it is like levada.Computed.
%
%   Let new rows come by themselves: a class with a method rows = discover(self) returns rows, in any form that insert
%   takes; it may return all, and those whose keys are there are skipped. levada.worker calls it every 5 minutes, or as
%   often as a property discoverEvery says, in minutes.
%
%   See also levada.worker, levada.Computed, levada.AutoPopulate

    methods
        function self = Imported(varargin)
            %IMPORTED Make the relation of the whole table.
            self@levada.AutoPopulate(varargin{:});
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
