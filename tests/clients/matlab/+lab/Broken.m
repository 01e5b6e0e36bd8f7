%{
x : nosuchtype
%}
classdef Broken < levada.Manual
end
