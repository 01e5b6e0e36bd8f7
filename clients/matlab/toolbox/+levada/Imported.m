classdef Imported < levada.AutoPopulate
%IMPORTED Base class of tables whose rows a `make` reads from files and other sources outside the database.
%
%   In all else it is like levada.Computed.
%
%   See also levada.Computed, levada.AutoPopulate

    methods
        function self = Imported(varargin)
            %IMPORTED Make the relation of the whole table.
            self@levada.AutoPopulate(varargin{:});
        end
    end
end
