classdef categorical
%CATEGORICAL Stand-in for MATLAB's: cells of text, where '<undefined>' is missing.

    properties
        Values
    end

    methods
        function self = categorical(values)
            %CATEGORICAL Make it.
            self.Values = values;
        end

        function texts = cellstr(self)
            %CELLSTR Return the texts.
            texts = self.Values;
        end

        function answer = ismissing(self)
            %ISMISSING Return which are missing.
            answer = strcmp(self.Values, '<undefined>');
        end
    end
end
