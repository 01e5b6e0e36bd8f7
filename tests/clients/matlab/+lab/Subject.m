%{
# an animal
subject_id : int32  # number on the ear tag
---
-> [nullable] lab.Species
name = "nameless" : varchar(40)
weight = null : float64  # g
%}
classdef Subject < levada.Manual
end
