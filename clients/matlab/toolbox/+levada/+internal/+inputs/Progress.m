classdef Progress < handle
%PROGRESS How far some work is, as a line that is written anew while it runs.

    properties (Access = private)
        Title
        Total
        Done = 0
        Failed = 0
        Begun
        Shown      % when it was last written, in seconds since it began
        Width = 0  % of the line that was written last
    end

    methods
        function self = Progress(title, total)
            %PROGRESS Begin to show it.
            %
            %   title  names the work
            %   total  how much there is to do
            self.Title = title;
            self.Total = total;
            self.Begun = tic();
            self.write();
        end

        function advance(self, hasFailed)
            %ADVANCE Count one more, perhaps a failed one.
            everySeconds = 0.1;
            self.Done = self.Done + 1;
            self.Failed = self.Failed + hasFailed;
            if toc(self.Begun) - self.Shown >= everySeconds
                self.write();
            end
        end

        function finish(self)
            %FINISH Leave the last state on the screen.
            self.write();
            fprintf('\n');
        end
    end

    methods (Access = private)
        function write(self)
            barWidth = 24;
            seconds = toc(self.Begun);
            self.Shown = seconds;
            full = round(barWidth * min(self.Done / max(self.Total, 1), 1));
            text = sprintf('%s: [%s%s] %d of %d', self.Title, repmat('#', 1, full), repmat('.', 1, barWidth - full), ...
                self.Done, self.Total);
            if self.Failed > 0
                text = sprintf('%s, %d failed', text, self.Failed);
            end
            if self.Done > 0 && self.Done < self.Total
                text = sprintf('%s, %.0f s left', text, seconds / self.Done * (self.Total - self.Done));
            end
            levada.internal.inputs.showNow('%s%s%s', repmat(char(8), 1, self.Width), text, ...
                repmat(' ', 1, max(self.Width - numel(text), 0)));
            self.Width = max(self.Width, numel(text));
        end
    end
end
