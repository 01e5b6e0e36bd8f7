%{
movie : int32
---
file : <filepath@>
%}
classdef Movie < levada.Manual
end
