classdef datetime
%DATETIME Stand-in for MATLAB's: days since 1970 and milliseconds of the day.

    properties
        Days
        Milliseconds
        TimeZone = ''
    end

    methods
        function self = datetime(varargin)
            %DATETIME Make it of days and milliseconds, or as datetime(1970, 1, 1, 'TimeZone', zone).
            self.Days = varargin{1};
            self.Milliseconds = zeros(size(self.Days));
            if nargin == 2
                self.Milliseconds = varargin{2};
            elseif nargin == 5
                self.Days = datenum(varargin{1:3}) - datenum(1970, 1, 1);
                self.Milliseconds = 0;
                self.TimeZone = varargin{5};
            end
        end

        function span = minus(self, other)
            %MINUS Return the span between two.
            span = duration((self.Days - other.Days) * 86400 + (self.Milliseconds - other.Milliseconds) / 1000);
        end

        function self = dateshift(self, edge, unit)
            %DATESHIFT Return the beginning of the day.
            assert(isequal({edge, unit}, {'start', 'day'}));
            self.Milliseconds(:) = 0;
        end

        function answer = ismissing(self)
            %ISMISSING Return which are missing.
            answer = isnan(self.Days);
        end

        function answer = isinf(self)
            %ISINF Return which are infinite.
            answer = isinf(self.Days);
        end

        function answer = size(self)
            %SIZE Return the size.
            answer = size(self.Days);
        end

        function answer = numel(self, varargin)
            %NUMEL Return how many there are.
            answer = numel(self.Days);
        end

        function answer = isscalar(self)
            %ISSCALAR Return whether it is one value.
            answer = isscalar(self.Days);
        end

        function value = subsref(self, references)
            %SUBSREF Return a property, or some of them.
            if strcmp(references(1).type, '.')
                value = self.(references(1).subs);
                return
            end
            value = self;
            value.Days = self.Days(references.subs{:});
            value.Milliseconds = self.Milliseconds(references.subs{:});
        end
    end
end
