%{
(first) -> lab.Subject(subject_id)
(second) -> lab.Subject
---
%}
classdef Trip < levada.Manual
end
