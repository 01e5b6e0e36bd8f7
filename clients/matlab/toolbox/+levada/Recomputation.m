classdef Recomputation < handle
%RECOMPUTATION Outcome of a recompute: results that came out equal, differences, and errors; nothing is replaced yet.
%
%   done = recompute(lab.Stat & stale(lab.Stat));
%   disp(done)
%   done.confirm()    replaces what differs, and records that the rest is equal
%
%   Whoever does not confirm has changed nothing.
%
%   See also levada.AutoPopulate/recompute

    properties (SetAccess = private)
        EqualCount = 0      % how many results came out equal, or within the tolerance
        DifferentCount = 0  % how many came out different
        Differences         % struct row with table, key, attribute (empty: the whole row), stored and computed
        Errors              % struct row with key and error, of results whose make failed; these stay as they are
    end

    properties (Access = private)
        Connection
        ClassName
        Jobs = {}
        IsConfirmed = false
    end

    methods
        function self = Recomputation(connection, className)
            %RECOMPUTATION Begin with no results.
            self.Connection = connection;
            self.ClassName = className;
            self.Differences = levada.internal.jobs.differences();
            self.Errors = struct('key', {}, 'error', {});
        end

        function number = confirm(self)
            %CONFIRM Replace the results that differ, and record the code and inputs of all, in one transaction.
            %
            %   number = done.confirm()    how many results were replaced or renewed
            %
            %   The keys stay, so nothing downstream is deleted; results that were computed from these are stale then.
            %
            %   Errors: levada:LeaseLost if somebody else computed a result since, and levada:HasChildren if other rows
            %   depend on a row that was not computed again; nothing is replaced then.
            if self.IsConfirmed
                levada.internal.errors.fail('InvalidRequest', ...
                    'This recompute was confirmed before; recompute again.');
            end
            number = 0;
            if isempty(self.Jobs)
                return
            end
            session = levada.internal.jobs.WorkerSession(self.Connection);
            ending = onCleanup(@() session.close());
            messages = cellfun(@(job) messagesOf(job, session.Id), self.Jobs, 'UniformOutput', false);
            response = levada.internal.api.replaceResults(self.Connection, [messages{:}]);
            number = double(response.result_count);
            self.IsConfirmed = true;
            self.Jobs = {};
        end

        function disp(self)
            %DISP Show the counts, the first differences and errors.
            shown = 12;
            fprintf('  %s recomputed: %d equal, %d different, %d failed\n', self.ClassName, self.EqualCount, ...
                self.DifferentCount, numel(self.Errors));
            for one = self.Differences(1:min(end, shown))
                what = one.attribute;
                if isempty(what)
                    what = 'row';
                end
                fprintf('  %s %s  %s: %s -> %s\n', one.table, brief(one.key), what, brief(one.stored), ...
                    brief(one.computed));
            end
            if numel(self.Differences) > shown
                fprintf('  and %d more differences\n', numel(self.Differences) - shown);
            end
            for one = self.Errors(1:min(end, shown))
                fprintf('  failed %s: %s\n', brief(one.key), one.error.message);
            end
            if ~isempty(self.Jobs)
                fprintf('  Nothing is replaced yet: confirm() does.\n');
            end
        end
    end

    methods (Hidden)
        function take(self, job, differences)
            %TAKE Add a result that was computed again.
            if ~isempty(job.error)
                self.Errors(end + 1) = struct('key', job.key, 'error', {job.error});
                return
            end
            job.header.unchanged = isempty(differences);
            if job.header.unchanged
                self.EqualCount = self.EqualCount + 1;
            else
                self.DifferentCount = self.DifferentCount + 1;
            end
            self.Jobs{end + 1} = struct('header', job.header, 'inserts', {job.inserts});
            self.Differences = [self.Differences, differences];
        end
    end
end

function messages = messagesOf(job, session)
job.header.worker_session = session;
if job.header.unchanged
    job.inserts = {};
end
messages = levada.internal.jobs.jobMessages(job);
end

function text = brief(value)
most = 60;
if isnumeric(value) && numel(value) > 8
    text = sprintf('%s %s', strrep(mat2str(size(value)), ' ', 'x'), class(value));
else
    text = levada.internal.values.printable(levada.internal.values.shownJson(value));
end
if numel(text) > most
    text = [text(1:most - 3) '...'];
end
end
