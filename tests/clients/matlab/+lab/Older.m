%{
id : int
%}
classdef Older < levada.Manual
    methods
        function self = Older(varargin)
            self.restrict(varargin{:})
        end
    end
end
