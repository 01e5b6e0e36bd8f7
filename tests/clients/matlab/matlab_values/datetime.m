classdef datetime
%DATETIME Stand-in for MATLAB's: one moment that is missing.

    properties
        Values
    end

    methods
        function self = datetime(values)
            %DATETIME Make it.
            self.Values = values;
        end

        function answer = isnat(self)
            %ISNAT Return whether it is missing.
            answer = isnan(self.Values);
        end
    end
end
