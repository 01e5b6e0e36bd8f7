%{
species : varchar(20)
%}
classdef Species < levada.Lookup
    properties (Constant)
        contents = {'mouse'; 'rat'; 'newt'}
    end
end
