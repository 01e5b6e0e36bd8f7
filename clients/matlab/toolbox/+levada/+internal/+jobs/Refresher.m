classdef Refresher < handle
%REFRESHER Keeper of the work of a worker's tables: it makes new jobs, looks for new rows, and notices when nothing is left.

    properties (Access = private)
        All
        Tables = {}     % those with a make
        Names = {}
        Discovering = {}  % those with a discover
        LookAt = 0      % when to ask for discoveries again
        Due = 0         % when to make jobs again, in seconds of the clock of `now`
        Begun = false   % whether they were made before
        Changed = true  % whether a result was committed since jobs were made, so that there may be new ones
    end

    properties (Constant, Access = private)
        IntervalSeconds = 10
        LookSeconds = 2
        RefusedSeconds = 60
    end

    methods
        function self = Refresher(tables)
            %REFRESHER Serve a cell of tables.
            self.All = tables;
            self.Tables = tables(cellfun(@(t) isa(t, 'levada.AutoPopulate') && hasMake(t), tables));
            self.Discovering = tables(cellfun(@levada.internal.jobs.hasDiscover, tables));
            cellfun(@levada.internal.schema.declareParts, self.Tables);
            self.Names = cellfun(@(t) tableName(t), self.Tables, 'UniformOutput', false);
        end

        function connection = connection(self)
            %CONNECTION Return the connection of the tables.
            connection = conn(self.All{1});
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

        function answer = hasJobs(self)
            %HASJOBS Return whether a table has a make.
            answer = ~isempty(self.Tables);
        end

        function lookForRows(self, session, patienceSeconds, report)
            %LOOKFORROWS Run the discoveries that are due.
            %
            %   report  function of a table's name and the outcome of its discovery
            if secondsNow() < self.LookAt
                return
            end
            self.LookAt = secondsNow() + self.LookSeconds;
            for table = self.Discovering
                name = levada.internal.schema.fullName(tableName(table{1}));
                try
                    lease = session.reserveDiscovery(table{1}, false);
                catch failure
                    if levada.internal.errors.isTransient(failure)
                        rethrow(failure)
                    end
                    self.LookAt = secondsNow() + self.RefusedSeconds;
                    report(name, struct('state', 'refused', 'rowCount', 0, 'seconds', 0, 'error', {failure}));
                    self.Discovering(cellfun(@(t) strcmp(class(t), class(table{1})), self.Discovering)) = [];
                    continue
                end
                if ~isempty(lease)
                    outcome = levada.internal.jobs.runDiscovery(table{1}, lease, patienceSeconds);
                    self.Changed = self.Changed || outcome.rowCount > 0;
                    report(name, outcome);
                end
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
            answer = false;
            if ~isempty(self.Discovering)
                names = cellfun(@(t) tableName(t), self.Discovering, 'UniformOutput', false);
                response = levada.internal.api.listDiscoveries(self.connection(), struct('names', {names}));
                found = {};
                if isfield(response, 'discoveries')
                    found = response.discoveries;
                end
                if numel(found) < numel(names) || any(cellfun(@(d) any(strcmp(d.state, {'JOB_STATE_PENDING', ...
                        'JOB_STATE_RESERVED'})), found))
                    return
                end
            end
            if isempty(self.Names)
                answer = true;
                return
            end
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
