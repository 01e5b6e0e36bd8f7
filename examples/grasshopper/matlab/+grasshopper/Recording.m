classdef Recording < levada.Imported
% Recording  The stimulus of a presentation and the response to it. Python reads the files.
%
% Without its own definition, the class represents the table as Python declared it.
end
