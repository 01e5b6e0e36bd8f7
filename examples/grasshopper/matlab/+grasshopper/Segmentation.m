classdef Segmentation < levada.Lookup
% Segmentation  Ways to cut a recording.
%
%   Without a definition of its own, the class stands for the table as Python declared it.
end
