classdef AutoPopulate < levada.Table
%AUTOPOPULATE Base class of tables with a `make`: levada.Computed and levada.Imported.
%
%   populate, parpopulate   compute the missing entities
%   progress, jobs          report how much is done
%   stale, staleness        report which results are still true
%   recompute               compute results again, compare, and replace them on request
%
%   A class has a public method make(self, key), or the older makeTuples(self, key) with protected access. It is called
%   with the key of one entity, and inserts into its own table and its parts; its rows are committed when
%   it has ended, all or nothing. The key source is the join of the tables in the primary key, unless the
%   class has a property keySource, or the older popRel.
%
%   A make in three parts computes outside of the job's transaction, on inputs that are checked at its end:
%       fetched = makeFetch(self, key)               fetches, and returns one value
%       computed = makeCompute(self, key, fetched)   computes; it does not use the server
%       makeInsert(self, key, computed)              inserts
%   The rows that makeFetch fetched are read again when the job is completed: levada:InputsChanged if they are others.
%
%   An error of make is final, unless the class has the properties maxAttempts and retryDelay (in s; it doubles with
%   each further error): then a job is tried again.
%
%   The inputs of several keys are fetched at once, a moment before make asks for them, unless the class has the
%   property prefetch = false.
%
%   See also levada.worker

    methods
        function self = AutoPopulate(varargin)
            %AUTOPOPULATE Make the relation of the whole table.
            self@levada.Table(varargin{:});
        end

        function [failedKeys, errors] = populate(self, varargin)
            %POPULATE Call `make` for every key of the key source that the table does not have yet.
            %
            %   populate(lab.Stat)
            %   populate(lab.Stat, restriction, ...)     only keys that meet all of these
            %   populate(..., 'Option', value, ...)      options below
            %   populate(..., 'Stale', true)             then also computes stale results again, and replaces each
            %   [failedKeys, errors] = populate(...)     goes on after errors, and returns them
            %
            %   It works under leases, beside other populates and workers in MATLAB and Python: no key is computed
            %   twice. Without outputs the first error ends it. Keys that failed before are tried again.
            %
            %   errors  a struct array with message, identifier and stack
            %
            %   Keys            only these keys, a struct array
            %   Limit           consider at most this many keys
            %   MaxCalls        call make at most this often
            %   Order           'original' (the most urgent first), 'reverse' or 'random'
            %   Priority        the urgency of new jobs, 0 first; less urgent jobs are not taken
            %   ReserveJobs     true: leave keys alone that failed before
            %   Refresh         false: compute only keys that have a job already
            %   SuppressErrors  true: go on after errors, also without outputs; they are in jobs(lab.Stat)
            %   MakeInputs      a cell of further inputs of make, or of makeFetch
            %   Prefetch        false: do not fetch the inputs of several keys at once; so does a property prefetch = false
            %   Display         true: show a line for each key
            %   Progress        true: show how far it is, in one line
            %   Patience        how many seconds to keep trying to complete a job while the server is out of reach (60)
            [failedKeys, errors] = levada.internal.jobs.populate(self, varargin, ...
                struct('SuppressErrors', nargout > 0, 'ReserveJobs', false));
            if nargout == 0
                clear failedKeys errors
            end
        end

        function parpopulate(self, varargin)
            %PARPOPULATE Compute as populate does, but go on after errors, and skip keys that failed before.
            %
            %   parpopulate(lab.Stat)
            %   parpopulate(lab.Stat, restriction, ...)    options as for populate
            %
            %   Run it in as many MATLABs at once as there are processors. The failed keys are in jobs(lab.Stat).
            levada.internal.jobs.populate(self, varargin, struct('SuppressErrors', true, 'ReserveJobs', true));
        end

        function [remaining, total] = progress(self, varargin)
            %PROGRESS Return how many keys are left and how many there are; print them if no output is requested.
            %
            %   progress(lab.Stat, restriction, ...)
            %   [remaining, total] = progress(...)
            request = struct('names', {{tableName(self)}});
            source = sourceFor(self, varargin);
            if isa(source, 'levada.Relation')
                request.key_source = source.message();
            end
            answer = levada.internal.api.getProgress(conn(self), request);
            [remaining, total] = levada.internal.jobs.progressCounts(answer.progress{1});
            if nargout == 0
                fprintf('%-30s completed %d of %d (%.1f %%)\n', class(self), total - remaining, total, ...
                    100 * (total - remaining) / max(total, 1));
                clear remaining total
            end
        end

        function found = upstream(self)
            %UPSTREAM Find the rows that the current key depends on, within make: a levada.Lineage with all that make may read.
            %
            %   rate = fetch1(rows(upstream(self), lab.Session), 'rate');
            %
            %   Errors: levada:InvalidRequest (no make is running).
            job = levada.internal.jobs.currentWork();
            if isempty(job)
                levada.internal.errors.fail('InvalidRequest', ...
                    'upstream is only available inside make, where there is a key.');
            end
            connection = conn(self);
            found = levada.Lineage.upOfKey(connection, job.Lease.table, ...
                levada.internal.jobs.leaseKey(connection, job.Lease));
        end

        function relation = jobs(self)
            %JOBS Return the jobs of the table as a relation: its key, then the state of each, with error_message.
            %
            %   fetch(errors(jobs(lab.Stat)), '*')
            %   retry(jobs(lab.Stat) & 'error_type = "NoRate"')
            %
            %   See also levada.Jobs
            relation = levada.Jobs(self);
        end

        function relation = staleness(self)
            %STALENESS Return whether each result is still true, as a relation: its key, state and reason.
            %
            %   fetch(staleness(lab.Stat) & 'state = "unknown"', '*')
            %
            %   A result is stale if other code or other inputs would compute it now, or if a result that it read is
            %   stale; unknown if that cannot be said, as of rows that were inserted by hand; else fresh. The code of a
            %   class is its file and the functions beside it.
            body = struct('reference', getfield(getfield(levada.internal.query.tableNode(node(self)), 'body'), 'reference'));
            digest = '';
            if hasMake(self)
                digest = levada.internal.jobs.codeDigest(self);
            end
            if ~isempty(digest)
                body.codes = {struct('table', tableName(self), 'code_version', digest)};
            end
            relation = levada.Relation(levada.internal.query.makeNode('nodes', 'staleness', body));
        end

        function relation = stale(self)
            %STALE Return the results that other code or other inputs would compute differently, with the reason.
            %
            %   fetch(stale(lab.Stat), '*')
            relation = staleness(self) & 'state = "stale"';
        end

        function done = recompute(self, varargin)
            %RECOMPUTE Compute results again, and compare them with what is stored; nothing is replaced yet.
            %
            %   done = recompute(lab.Stat & stale(lab.Stat))
            %   done = recompute(lab.Stat, 'Tolerance', struct('mean_rate', 1e-9))
            %   done = recompute(..., 'SuppressErrors', true)    goes on after an error of make; see done.Errors
            %   done.confirm()                                   replaces what differs
            %
            %   make runs beside what is stored, and nobody else notices. Only results of jobs can be computed again, not
            %   rows that were inserted by hand.
            %
            %   Tolerance   the largest absolute difference that counts as none, by attribute, also within arrays
            %   MakeInputs  a cell of further inputs of make, or of makeFetch
            %   done        a levada.Recomputation, which shows itself
            %
            %   Errors: levada:PreconditionFailed if make changes other rows or reads what it has inserted.
            named = levada.internal.inputs.readOptions(struct('Tolerance', struct(), 'SuppressErrors', false, ...
                'MakeInputs', {{}}), varargin);
            checkMake(self);
            whole = feval(class(self));
            results = [];
            if ~strcmp(getfield(node(self), 'arm'), 'table')
                results = proj(self);
            end
            done = levada.Recomputation(conn(self), class(self));
            levada.internal.jobs.recomputeEach(whole, results, named.Tolerance, named.MakeInputs, @take);

            function goOn = take(job, differences)
                goOn = true;
                if ~isempty(job.error) && ~named.SuppressErrors
                    levada.internal.errors.raise(job.error);
                end
                done.take(job, differences);
            end
        end

        function source = getKeySource(self)
            %GETKEYSOURCE Return the key source, the relation of the keys to compute.
            source = ownKeySource(self);
            if ~isa(source, 'levada.Relation')
                source = levada.internal.jobs.joinParents(self);
            end
        end
    end

    methods (Hidden)
        function source = ownKeySource(self)
            %OWNKEYSOURCE Return the key source that the class defines, or [].
            source = [];
            if isprop(self, 'keySource')
                source = self.keySource;
            elseif isprop(self, 'popRel')
                source = self.popRel;
            end
            if ~isa(source, 'levada.Relation') && ~isempty(source)
                levada.internal.errors.fail('InvalidDefinition', ...
                    'The key source of `%s` must be a query, not a %s.', ...
                    class(self), class(source));
            end
        end

        function source = sourceFor(self, restrictions)
            %SOURCEFOR Return the keys to compute under restrictions, or [] for the key source that the server knows.
            source = ownKeySource(self);
            if isa(source, 'levada.Relation')
                schema = levada.internal.schema.schemaOf(class(self));
                schema.declareFaulty(class(self));
            elseif ~isempty(restrictions)
                source = getKeySource(self);
            end
            if ~isempty(restrictions)
                source = source & restrictions;
            end
        end

        function answer = hasMake(self)
            %HASMAKE Return whether the class has a make.
            [~, access] = levada.internal.schema.definingClass(self, 'make');
            answer = ~isempty(access) || isInParts(self) || ...
                ~strcmp(levada.internal.schema.definingClass(self, 'makeTuples'), 'levada.AutoPopulate');
        end

        function checkMake(self)
            %CHECKMAKE Refuse a class without a make, or with one that cannot be called.
            [~, access] = levada.internal.schema.definingClass(self, 'make');
            if ~isempty(access) && ~strcmp(access, 'public')
                levada.internal.errors.fail('InvalidDefinition', ...
                    ['make of `%s` has %s access, so populate cannot call it. Write `methods` without (Access = ...) ' ...
                    'above it, or rename it to makeTuples, which may be protected.'], class(self), access);
            end
            if ~hasMake(self)
                levada.internal.errors.fail('InvalidRequest', ...
                    ['`%s` has no make, so there is nothing to populate: give its class a method make(self, key), or ' ...
                    'makeFetch, makeCompute and makeInsert.'], class(self));
            end
        end

        function runMake(self, key, work, inputs)
            %RUNMAKE Call the make of the class, whole or in its parts.
            %
            %   work    the levada.internal.jobs.JobWork of the job
            %   inputs  cell of further inputs
            if ismethod(self, 'make')
                self.make(key, inputs{:});
            elseif isInParts(self)
                work.verify(true);
                fetched = self.makeFetch(key, inputs{:});
                work.verify(false);
                self.makeInsert(key, self.makeCompute(key, fetched));
            else
                self.makeTuples(key, inputs{:});
            end
        end
    end

    methods (Access = private)
        function answer = isInParts(self)
            answer = ismethod(self, 'makeFetch') && ismethod(self, 'makeCompute') && ismethod(self, 'makeInsert');
        end
    end

    methods (Access = protected)
        function makeTuples(self, varargin)
            %MAKETUPLES Compute one entity. A class overrides this method, or has `make`.
            checkMake(self);
        end
    end
end
