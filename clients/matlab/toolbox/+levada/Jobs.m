classdef Jobs < levada.Relation
%JOBS Jobs of a table as a relation: the key of each, its state, worker and error. Restrict, join and fetch it.
%
%   jobs(lab.Stat)                                     all jobs
%   fetch(errors(jobs(lab.Stat)), '*')                 the failed ones, with error_message and error_stack
%   retry(jobs(lab.Stat) & 'error_type = "NoRate"')    makes them pending again
%
%   pending, reserved, completed, errors, ignored    the jobs in one state
%   refresh, retry, ignore, cancel, del              change jobs
%   progress                                         how many jobs are in each state
%
%   See also levada.AutoPopulate/populate, levada.worker

    properties (Hidden, SetAccess = private)
        Table  % the table that they compute
    end

    methods
        function self = Jobs(table)
            %JOBS Make the relation of all jobs of a table. Users call jobs(table).
            reference = getfield(getfield(levada.internal.query.tableNode(node(table)), 'body'), 'reference');
            self@levada.Relation(levada.internal.query.makeNode('nodes', 'job_table', struct('reference', reference)));
            self.Table = table;
        end

        function chosen = pending(self)
            %PENDING Return the jobs that wait.
            chosen = inState(self, 'pending');
        end

        function chosen = reserved(self)
            %RESERVED Return the jobs that a worker holds.
            chosen = inState(self, 'reserved');
        end

        function chosen = completed(self)
            %COMPLETED Return the jobs whose rows are committed.
            chosen = inState(self, 'success');
        end

        function chosen = errors(self)
            %ERRORS Return the jobs that failed, with error_type, error_message and error_stack.
            chosen = inState(self, 'error');
        end

        function chosen = ignored(self)
            %IGNORED Return the jobs that are passed over.
            chosen = inState(self, 'ignored');
        end

        function chosen = atLeast(self, priority)
            %ATLEAST Return the jobs of this priority and more urgent ones; 0 is the most urgent.
            chosen = self & sprintf('%s <= %d', ownName(self, 'priority'), priority);
        end

        function counts = refresh(self, varargin)
            %REFRESH Make a job for each key that the table lacks, and drop the jobs whose key has left the key source.
            %
            %   refresh(jobs(lab.Stat))
            %   refresh(jobs(lab.Stat), restriction, ...)      only for keys that meet all of these
            %   refresh(..., 'Priority', 0, 'Delay', 60)       of new jobs; 0 is the most urgent, the delay is in s
            %   refresh(..., 'RetryErrors', true)              makes failed jobs pending again
            %   counts = refresh(...)                          a struct with added, removed and reset
            [restrictions, given] = levada.internal.inputs.takeOptions(varargin, ...
                struct('Priority', [], 'Delay', 0, 'RetryErrors', false));
            request = struct('name', tableName(self.Table), 'retry_errors', given.RetryErrors);
            source = sourceFor(self.Table, restrictions);
            if isa(source, 'levada.Relation')
                request.key_source = source.message();
            end
            if ~isempty(given.Priority)
                request.priority = given.Priority;
            end
            if given.Delay > 0
                request.delay = levada.internal.values.durationMessage(given.Delay);
            end
            answer = levada.internal.api.refreshJobs(conn(self.Table), request);
            counts = struct('added', double(answer.added_count), 'removed', double(answer.removed_count), ...
                'reset', double(answer.reset_count));
            if nargout == 0
                clear counts
            end
        end

        function number = retry(self)
            %RETRY Make these jobs pending, if they failed or are passed over; return how many.
            chosen = self & struct(ownName(self, 'state'), {'error'; 'ignored'});
            answer = levada.internal.api.retryJobs(conn(self), requestFor(chosen));
            number = double(answer.job_count);
            if nargout == 0
                clear number
            end
        end

        function number = ignore(self, key)
            %IGNORE Pass over these jobs, if they wait or failed; return how many.
            %
            %   ignore(jobs(lab.Stat) & restriction)
            %   ignore(jobs(lab.Stat), key)    the job of this key, which is made if there is none
            if nargin > 1
                refresh(self, key);
                self = self & key;
            end
            answer = levada.internal.api.ignoreJobs(conn(self), requestFor(self));
            number = double(answer.job_count);
            if nargout == 0
                clear number
            end
        end

        function number = cancel(self)
            %CANCEL End these jobs if a worker holds them; return how many. They become errors.
            answer = levada.internal.api.cancelJobs(conn(self), requestFor(self));
            number = double(answer.job_count);
            if nargout == 0
                clear number
            end
        end

        function number = del(self, varargin)
            %DEL Forget the outcome of these jobs if they failed or are passed over, so that they are computed: retry.
            %
            %   Older code deletes errors from its table of jobs. Nothing is lost, so this never asks.
            number = retry(self);
            if nargout == 0
                clear number
            end
        end

        function number = delQuick(self, varargin)
            %DELQUICK Do the same as del.
            number = retry(self);
            if nargout == 0
                clear number
            end
        end

        function counts = progress(self)
            %PROGRESS Count these jobs by state: a struct with pending, reserved, success, error, ignored and total.
            counts = struct('pending', 0, 'reserved', 0, 'success', 0, 'error', 0, 'ignored', 0, 'total', 0);
            state = ownName(self, 'state');
            for row = fetch(aggr(levada.U(state), self, 'count(*)->job_count'), '*')'
                counts.(row.(state)) = double(row.job_count);
            end
            counts.total = sum(structfun(@double, counts));
        end
    end

    methods (Access = private)
        function chosen = inState(self, state)
            chosen = self & struct(ownName(self, 'state'), state);
        end

        function name = ownName(self, name)
            % An attribute of the key keeps its name; that of the job is then called job_....
            if any(strcmp(primaryKey(self.Table), name))
                name = ['job_' name];
            end
        end

        function request = requestFor(self)
            % The server takes a request without jobs for all that it can change.
            request = struct('name', tableName(self.Table));
            if ~strcmp(getfield(node(self), 'arm'), 'job_table')
                request.jobs = self.message();
            end
        end
    end
end
