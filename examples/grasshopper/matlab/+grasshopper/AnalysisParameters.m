classdef AnalysisParameters < levada.Lookup
% AnalysisParameters  Sets of parameters: each gives results of its own.
%
%   Without a definition of its own, the class stands for the table as Python declared it.
end
