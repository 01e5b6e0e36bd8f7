classdef Refresher < handle
% Refresher  Knows which tables a worker serves, makes their jobs from time to time, and notices when all are computed.

    properties (Access = private)
        Tables = {}
        Names = {}
        Due = 0         % when jobs are made again, in seconds of `now`'s clock
        Changed = true  % a result was committed since jobs were made, so that there may be new ones
    end

    properties (Constant, Access = private)
        IntervalSeconds = 10
    end

    methods
        function self = Refresher(tables)
            % Refresher  Serve a cell of tables.
            self.Tables = tables;
            cellfun(@levada.internal.schema.declareParts, tables);
            self.Names = cellfun(@(t) tableName(t), tables, 'UniformOutput', false);
        end

        function connection = connection(self)
            % connection  Give the connection that all tables live at.
            connection = conn(self.Tables{1});
        end

        function tables = byName(self)
            % byName  Give the tables by their full names.
            tables = containers.Map('KeyType', 'char', 'ValueType', 'any');
            for index = 1:numel(self.Tables)
                tables(levada.internal.schema.fullName(self.Names{index})) = self.Tables{index};
            end
        end

        function request = reservation(self, drain)
            % reservation  Say which jobs to take; [] where all is computed and `drain` asks to end then.
            if self.Changed || secondsNow() >= self.Due
                self.refresh();
            end
            request = struct('names', {self.Names});
            if drain && self.isDrained()
                request = [];
            end
        end

        function finished(self, outcome)
            % finished  Take note of a job.
            self.Changed = self.Changed || strcmp(outcome.state, 'success');
        end
    end

    methods (Access = private)
        function refresh(self)
            for name = self.Names
                self.connection().request('JobService/RefreshJobs', struct('name', name{1}));
            end
            self.Changed = false;
            self.Due = secondsNow() + self.IntervalSeconds;
        end

        function answer = isDrained(self)
            response = self.connection().request('JobService/GetProgress', struct('names', {self.Names}));
            waiting = cellfun(@(p) double(p.pending_count) + double(p.reserved_count), response.progress);
            answer = ~any(waiting);
        end
    end
end

function seconds = secondsNow()
seconds = now() * 86400;
end
