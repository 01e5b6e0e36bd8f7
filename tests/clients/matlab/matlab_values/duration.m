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

        function answer = isscalar(self)
            %ISSCALAR Return whether it is one value.
            answer = numel(self.Values) == 1;
        end
    end
end
