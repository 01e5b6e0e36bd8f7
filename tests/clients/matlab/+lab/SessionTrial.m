%{
lab.SessionTrial (manual) # one presentation of the oldest form of header
-> lab.Session
trial : smallint
-----
correct : bool
%}
classdef SessionTrial < levada.Part
    properties (SetAccess = protected)
        master = lab.Session
    end
end
