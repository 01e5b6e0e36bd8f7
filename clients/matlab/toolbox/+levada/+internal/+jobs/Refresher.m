classdef Refresher < handle
%REFRESHER Keeper of the jobs of a worker's tables: it makes new jobs from time to time, and notices when none is left.

    properties (Access = private)
        Tables = {}
        Names = {}
        Due = 0         % when to make jobs again, in seconds of the clock of `now`
        Begun = false   % whether they were made before
        Changed = true  % whether a result was committed since jobs were made, so that there may be new ones
    end

    properties (Constant, Access = private)
        IntervalSeconds = 10
    end

    methods
        function self = Refresher(tables)
            %REFRESHER Serve a cell of tables.
            self.Tables = tables;
            cellfun(@levada.internal.schema.declareParts, tables);
            self.Names = cellfun(@(t) tableName(t), tables, 'UniformOutput', false);
        end

        function connection = connection(self)
            %CONNECTION Return the connection of the tables.
            connection = conn(self.Tables{1});
        end

        function tables = byName(self)
            %BYNAME Return the tables by their full names.
            tables = containers.Map('KeyType', 'char', 'ValueType', 'any');
            for index = 1:numel(self.Tables)
                tables(levada.internal.schema.fullName(self.Names{index})) = self.Tables{index};
            end
        end

        function [request, isLast] = reservation(self, drain)
            %RESERVATION Return which jobs to reserve, or [] if `drain` is true and everything is computed; others may come.
            isLast = false;
            if self.Changed || secondsNow() >= self.Due
                self.refresh();
            end
            request = struct('names', {self.Names});
            if drain && self.isDrained()
                request = [];
            end
        end

        function finished(self, outcome)
            %FINISHED Note the outcome of a job.
            self.Changed = self.Changed || strcmp(outcome.state, 'success');
        end
    end

    methods (Access = private)
        function refresh(self)
            for name = self.Names
                levada.internal.api.refreshJobs(self.connection(), struct('name', name{1}, ...
                    'ask_unready', ~self.Begun));
            end
            self.Begun = true;
            self.Changed = false;
            self.Due = secondsNow() + self.IntervalSeconds;
        end

        function answer = isDrained(self)
            response = levada.internal.api.getProgress(self.connection(), struct('names', {self.Names}));
            waiting = cellfun(@(p) double(p.pending_count) - double(p.unready_count) + double(p.reserved_count), ...
                response.progress);
            answer = ~any(waiting);
        end
    end
end

function seconds = secondsNow()
seconds = now() * 86400;
end
