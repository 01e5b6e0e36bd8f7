classdef Refresher < handle
%REFRESHER Keeper of the work of a worker's tables: it makes new jobs, looks for new rows, and notices when nothing is left.

    properties (SetAccess = private)
        Discovering = {}  % the tables with a discover
    end

    properties (Access = private)
        All
        Tables = {}     % those with a make
        Names = {}
        Awaited = {}    % those with a discover that the server does not refuse; a drain waits until they have looked
        Clock           % of tic; times are seconds since then
        LookAt = 0      % when to ask for discoveries again
        Due = 0         % when to make jobs again
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
            self.Awaited = self.Discovering;
            self.Clock = tic();
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
            if self.Changed || self.secondsNow() >= self.Due
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

        function lookForRows(self, session, report)
            %LOOKFORROWS Run the discoveries that are due.
            %
            %   Their ends are recorded however long the server is out of reach: until then, nobody else looks for rows.
            %
            %   report  function of a table's name and the outcome of its discovery
            if self.secondsNow() < self.LookAt
                return
            end
            self.LookAt = self.secondsNow() + self.LookSeconds;
            for table = self.Discovering
                try
                    lease = session.reserveDiscovery(table{1}, false);
                catch failure
                    if levada.internal.errors.isTransient(failure)
                        rethrow(failure)
                    end
                    if self.refuse(table{1}, failure, report)
                        continue
                    end
                    return
                end
                if ~isempty(lease)
                    outcome = levada.internal.jobs.runDiscovery(table{1}, lease, Inf);
                    self.Changed = self.Changed || outcome.rowCount > 0;
                    report(levada.internal.schema.fullName(tableName(table{1})), outcome);
                end
            end
        end

        function isLeft = leaveOut(self, failure)
            %LEAVEOUT Leave out the tables with a make that the server refuses; false if there is none, or nothing is left.
            isLeft = false;
            told = toldOf(failure);
            if isempty(told)
                return
            end
            keep = ~cellfun(@(name) isNamed(told, name), self.Names);
            isLeft = ~all(keep) && (any(keep) || ~isempty(self.Discovering));
            if isLeft
                self.Tables = self.Tables(keep);
                self.Names = self.Names(keep);
            end
        end

        function finished(self, outcome)
            %FINISHED Note the outcome of a job.
            self.Changed = self.Changed || strcmp(outcome.state, 'success');
        end
    end

    methods (Access = private)
        function seconds = secondsNow(self)
            seconds = toc(self.Clock);
        end

        function isAlone = refuse(self, table, failure, report)
            % Leave a table out if just that one is refused, and return true; else leave the server alone for a while.
            refused = {table};
            isAlone = isAbout(failure, tableName(table));
            if isAlone
                self.Discovering = without(self.Discovering, table);
            else
                refused = self.Discovering;
                self.LookAt = self.secondsNow() + self.RefusedSeconds;
            end
            for found = refused
                self.Awaited = without(self.Awaited, found{1});
                report(levada.internal.schema.fullName(tableName(found{1})), ...
                    struct('state', 'refused', 'rowCount', 0, 'seconds', 0, 'error', {failure}));
            end
        end

        function refresh(self)
            for name = self.Names
                levada.internal.api.refreshJobs(self.connection(), struct('name', name{1}, ...
                    'ask_unready', ~self.Begun));
            end
            self.Begun = true;
            self.Changed = false;
            self.Due = self.secondsNow() + self.IntervalSeconds;
        end

        function answer = isDrained(self)
            answer = false;
            if ~isempty(self.Awaited)
                names = cellfun(@(t) tableName(t), self.Awaited, 'UniformOutput', false);
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

function answer = isAbout(failure, name)
% Return whether an error is about a table: its class raised it, or the server names it in the details.
told = toldOf(failure);
answer = isempty(told) || isNamed(told, name);  % no error of the server: as for its discoverEvery
end

function told = toldOf(failure)
% Return the details of an error of the server, a struct; [] if it is another error.
last = levada.internal.calls.gateway('lastError');
told = [];
if strcmp(last.identifier, failure.identifier) && strcmp(last.message, failure.message)
    told = last.metadata;
end
end

function answer = isNamed(told, name)
% Return whether details name a table, or its whole schema.
answer = isfield(told, 'table') && strcmp(told.table, [name.schema '.' name.table]) ...
    || isfield(told, 'schema') && strcmp(told.schema, name.schema);
end

function tables = without(tables, table)
tables = tables(~cellfun(@(t) strcmp(class(t), class(table)), tables));
end
