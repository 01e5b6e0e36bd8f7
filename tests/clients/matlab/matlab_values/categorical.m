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
            value = categorical(self.Values(references.subs{:}));
        end
    end
end
