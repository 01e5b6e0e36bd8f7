classdef Imported < levada.AutoPopulate
%IMPORTED Base class of tables whose rows a `make` reads from files and other sources outside the database.
%
%   In all else it is like levada.Computed.
%
%   See also levada.Computed, levada.AutoPopulate
end
