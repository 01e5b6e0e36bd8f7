classdef Recording < levada.Imported
% Recording  The stimulus of a presentation and the response to it. Python reads the files.
%
%   Without a definition of its own, the class stands for the table as Python declared it.
end
