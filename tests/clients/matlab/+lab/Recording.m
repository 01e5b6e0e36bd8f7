%{
# what an instrument wrote
recording : int32
---
settings = null : <blob@>
notes = null : <attach@>
label = null : <attach>
raw = null : <object@>
trace = null : <npy@>
digest = null : <hash@>
%}
classdef Recording < levada.Manual
end
