%{
-> master
place : int16
---
digit : int16
%}
classdef ResultDigit < levada.Part
%RESULTDIGIT A part, so that a commit is more than one row.

    properties (SetAccess = protected)
        master = drill.Result
    end
end
