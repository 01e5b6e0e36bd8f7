%{
n : int32
---
role = '' : varchar(10)
%}
classdef Sample < levada.Manual
%SAMPLE The numbers to compute with, as in benchmarks/drill_pipeline.py.
end
