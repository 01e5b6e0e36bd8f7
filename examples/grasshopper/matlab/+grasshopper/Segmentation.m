classdef Segmentation < levada.Lookup
% Segmentation  Ways to cut a recording.
%
% Without its own definition, the class represents the table as Python declared it.
end
