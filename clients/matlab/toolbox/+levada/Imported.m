classdef Imported < levada.AutoPopulate
% Imported  The base of tables whose rows a `make` reads from files and other sources outside the database.
%
%   As levada.Computed in all else.
%
%   See also levada.Computed, levada.AutoPopulate
end
