classdef AnalysisParameters < levada.Lookup
% AnalysisParameters  Sets of parameters: each yields its own results.
%
% Without its own definition, the class represents the table as Python declared it.
end
