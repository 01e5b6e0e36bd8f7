classdef duration
%DURATION Stand-in for MATLAB's: numbers of seconds.

    properties
        Values
    end

    methods
        function self = duration(values)
            %DURATION Make it.
            self.Values = values;
        end

        function counts = milliseconds(self)
            %MILLISECONDS Return the milliseconds.
            counts = self.Values * 1000;
        end

        function counts = days(self)
            %DAYS Return the days.
            counts = self.Values / 86400;
        end

        function answer = ismissing(self)
            %ISMISSING Return which are missing.
            answer = isnan(self.Values);
        end

        function answer = isinf(self)
            %ISINF Return which are infinite.
            answer = isinf(self.Values);
        end

        function answer = size(self)
            %SIZE Return the size.
            answer = size(self.Values);
        end

        function answer = numel(self, varargin)
            %NUMEL Return how many there are.
            answer = numel(self.Values);
        end

        function answer = isscalar(self)
            %ISSCALAR Return whether it is one value.
            answer = isscalar(self.Values);
        end

        function value = subsref(self, references)
            %SUBSREF Return some of them.
            value = duration(self.Values(references.subs{:}));
        end
    end
end
