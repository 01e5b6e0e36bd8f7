%{
id : int64
%}
classdef Large < levada.Manual
end
