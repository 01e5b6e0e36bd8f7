classdef Connection < handle
%CONNECTION Connection to one server.
%
%   connection = levada.Connection(url, token, certificates, authority)
%
%   certificates and authority are what the connection trusts in place of the system's authorities: a PEM file, or its
%   text.
%
%   levada.connect opens one that schemas use. A connection outlives a restart of the server: the next call
%   connects again.
%
%   Transactions: changes between startTransaction and commitTransaction are all kept or all undone.
%       connection.startTransaction()
%       try
%           insert(lab.Session, session)
%           connection.commitTransaction()
%       catch failure
%           connection.cancelTransaction()
%           rethrow(failure)
%       end
%   In one line: connection.transaction(@() insert(lab.Session, session)).
%
%   See also levada.connect

    properties (SetAccess = private)
        Address = ''  % the server's address
        ServerVersion = ''
    end

    % Hidden rather than private, here and below: `clear all` would take private access away from an open connection.
    properties (Hidden)
        Channel = []  % its number in the gateway; [] once it is closed
        Limits = struct()  % limits of the server, from GetServerInfo
        Session = []  % the open transaction, or []
        Savepoints = {}
        Tables  % descriptions of tables by name, each with the version of the catalog that it comes from
    end

    methods
        function self = Connection(url, token, certificates, authority)
            %CONNECTION Connect, and ask the server for its version and limits.
            trusted = '';
            if nargin > 3
                trusted = authority;
            end
            if nargin > 2 && ~isempty(certificates)
                trusted = levada.internal.credentials.readCertificates(certificates);
            end
            if nargin < 2
                token = '';
            end
            self.Address = url;
            self.Tables = containers.Map();
            client = levada.internal.calls.clientName();
            self.Channel = levada.internal.calls.gateway('connect', url, token, trusted, client);
            try
                info = levada.internal.api.getServerInfo(self, struct());
                levada.internal.calls.checkServer(info, url);
            catch failure
                self.close();
                rethrow(failure)
            end
            self.ServerVersion = info.version;
            self.Limits = info.limits;
            if isfield(info, 'embedded') && info.embedded
                levada.internal.calls.gateway('stayPresent', self.Channel);
            end
        end

        function close(self)
            %CLOSE Close the connection; calls under way are cancelled, an open transaction is undone.
            if ~isempty(self.Channel)
                self.cancelTransaction();
                levada.internal.calls.gateway('close', self.Channel);
                self.Channel = [];
            end
        end

        function delete(self)
            %DELETE Close the connection once nothing refers to it any more.
            if ~isempty(self.Session)
                levada.internal.calls.endSession(self.Session);
            end
            if ~isempty(self.Channel)
                levada.internal.calls.gateway('close', self.Channel);
            end
        end

        function answer = isConnected(self)
            %ISCONNECTED Return whether the server answers now.
            probeSeconds = 5;
            answer = false;
            if ~isempty(self.Channel)
                try
                    levada.internal.api.getServerInfo(self, struct(), probeSeconds);
                    answer = true;
                catch failure
                    if ~any(strcmp(failure.identifier, {'levada:Unavailable', 'levada:DeadlineExceeded'}))
                        rethrow(failure)
                    end
                end
            end
        end

        function answer = inTransaction(self)
            %INTRANSACTION Return whether a transaction is open.
            answer = ~isempty(self.Session);
        end

        function startTransaction(self)
            %STARTTRANSACTION Begin a transaction; commitTransaction or cancelTransaction ends it.
            %
            %   Declaring, populating and dropping are refused in it. A make has a transaction of its own.
            if self.inTransaction()
                levada.internal.errors.fail('PreconditionFailed', ...
                    'A transaction is open; only connection.transaction(@() ...) can be inside it.');
            end
            if ~isempty(levada.internal.jobs.currentWork())
                levada.internal.errors.fail('InvalidRequest', ...
                    'A make is a transaction already: its inserts are kept all or not at all.');
            end
            self.beginTransaction('ISOLATION_REPEATABLE_READ', '');
        end

        function commitTransaction(self)
            %COMMITTRANSACTION Keep the changes since startTransaction.
            %
            %   Errors: levada:Conflict (a concurrent transaction got in the way; nothing is kept),
            %   levada:OutcomeUnknown (the server was lost during the commit: check what was kept before you repeat it).
            if ~self.inTransaction()
                levada.internal.errors.fail('PreconditionFailed', 'There is no transaction to commit.');
            end
            ending = onCleanup(@() self.endTransaction());
            try
                self.askSession({struct('commit', struct('request_id', levada.internal.calls.gateway('requestId')))});
            catch failure
                if any(strcmp(failure.identifier, {'levada:Unavailable', 'levada:Cancelled', 'levada:Internal', ...
                        'levada:DeadlineExceeded'}))
                    levada.internal.errors.fail('OutcomeUnknown', ...
                        'The server was lost during commit; check what was kept before you repeat it. %s', ...
                        failure.message);
                end
                rethrow(failure)
            end
            levada.internal.calls.finishSession(self.Session);
        end

        function cancelTransaction(self)
            %CANCELTRANSACTION Undo the changes since startTransaction. Without an open transaction it does nothing.
            self.endTransaction();  % the end of its stream rolls it back
        end

        function varargout = transaction(self, action)
            %TRANSACTION Run a function whose changes are kept all or not at all.
            %
            %   [...] = connection.transaction(@() ...)
            %
            %   An error undoes its changes and is raised again. Inside a transaction, only its own changes are undone.
            job = levada.internal.jobs.currentWork();
            if ~isempty(job)
                job.openBlock();  % this becomes a part of the job's transaction
            end
            if self.inTransaction()
                [varargout{1:nargout}] = self.runInSavepoint(action);
                return
            end
            self.beginTransaction('ISOLATION_REPEATABLE_READ', '');
            undo = onCleanup(@() self.endTransaction());
            [varargout{1:nargout}] = action();
            self.commitTransaction();
        end

        function disp(self)
            %DISP Show the server's address.
            state = '';
            if isempty(self.Channel)
                state = ', closed';
            elseif self.inTransaction()
                state = ', in a transaction';
            end
            fprintf('  levada.Connection to %s%s\n', self.Address, state);
        end
    end

    methods (Hidden)
        function table = describeTable(self, name)
            %DESCRIBETABLE Return a table of the catalog, from memory until the catalog changes.
            self.checkOpen();
            key = [name.schema '.' name.table];
            version = levada.internal.calls.gateway('catalogVersion', self.Channel);
            if isKey(self.Tables, key)
                known = self.Tables(key);
                if known.version == version
                    table = known.table;
                    return
                end
            end
            response = levada.internal.api.describeTable(self, struct('name', name));
            table = response.table;
            self.Tables(key) = struct('version', levada.internal.calls.gateway('catalogVersion', self.Channel), ...
                'table', table);
        end

        function response = request(self, method, message, varargin)
            %REQUEST Call a method, in the open transaction if that serves it. The functions of `+api` call it.
            self.checkOpen();
            known = levada.internal.api.method(method);
            field = known.sessionField;
            job = self.jobAsking(known);
            if ~isempty(job)
                ahead = foreseen(job, method, message);
                if ~isempty(ahead)
                    response = ahead;
                    return
                end
                message = job.marked(known, message);
                began = tic();
            end
            if self.inTransaction() && ~isempty(field)
                answers = self.askSession({struct(field, {message})});
                response = struct();
                if isfield(answers{end}, field)
                    response = answers{end}.(field);
                end
            else
                self.checkOutsideTransaction(method, known);
                response = levada.internal.calls.call(self, ['/levada_api.v1.' method], message, varargin{:});
            end
            if ~isempty(job)
                job.waited(toc(began));
                job.take(response);
            end
        end

        function response = send(self, method, messages)
            %SEND Call a method that takes a stream of messages. The functions of `+api` call it.
            self.checkOpen();
            known = levada.internal.api.method(method);
            field = known.sessionField;
            job = self.jobAsking(known);
            if ~isempty(job)
                messages = job.markedRows(messages);
            end
            if self.inTransaction() && ~isempty(field)
                requests = cellfun(@(m) struct(field, {m}, 'more', true), messages, 'UniformOutput', false);
                requests{end} = rmfield(requests{end}, 'more');
                answers = self.askSession(requests);
                response = answers{end}.(field);
                return
            end
            self.checkOutsideTransaction(method, known);
            response = levada.internal.calls.sendStream(self, ['/levada_api.v1.' method], messages);
        end

        function responses = receive(self, method, message)
            %RECEIVE Call a method that answers with a stream, and return its messages as a cell. The functions of
            % `+api` call it. Within a transaction, fetchColumns fetches.
            self.checkOpen();
            self.checkOutsideTransaction(method, levada.internal.api.method(method));
            responses = levada.internal.calls.receiveStream(self, ['/levada_api.v1.' method], message);
        end

        function stream = open(self, method)
            %OPEN Call a method both of whose sides are streams. The functions of `+api` call it.
            self.checkOpen();
            stream = levada.internal.calls.SessionStream(self.Channel, ['/levada_api.v1.' method]);
        end

        function result = fetchColumns(self, message, exact)
            %FETCHCOLUMNS Fetch a relation as columns; see levada.internal.query.streamColumns.
            self.checkOpen();
            known = levada.internal.api.method('QueryService/FetchRelation');
            job = self.jobAsking(known);
            if ~isempty(job)
                message.digest = job.Verifies;
                ahead = job.foreseen('fetch', message);
                if ~isempty(ahead)
                    result = levada.internal.rows.decodeColumns({ahead.rows.arrow_ipc}, exact);
                    job.takeAhead(ahead.rows);
                    job.verifyRead(message.relation, ahead.rows);
                    return
                end
                message = job.marked(known, message);
                began = tic();
            end
            if self.inTransaction()
                answers = self.askSession({struct('fetch_relation', message)});
                isPiece = cellfun(@(a) isfield(a, 'fetch_relation'), answers);
                pieces = cellfun(@(a) a.fetch_relation, answers(isPiece), 'UniformOutput', false);
                result = levada.internal.rows.decodeColumns(cellfun(@(p) p.arrow_ipc, pieces, 'UniformOutput', ...
                    false), exact);
                last = pieces{end};
            else
                [result, last] = levada.internal.query.fetchColumns(self, message, exact);
            end
            if ~isempty(job)
                job.waited(toc(began));
                job.take(last);
                job.verifyRead(message.relation, last);
            end
        end

        function warnOnce(self, text)
            %WARNONCE Warn, unless this connection has given the same warning before.
            if levada.internal.calls.gateway('isNew', self.Channel, text)
                levada.internal.calls.warnUser({text});
            end
        end

        function beginJobTransaction(self, leaseToken)
            %BEGINJOBTRANSACTION Begin the transaction of the job whose make runs; see levada.internal.jobs.JobWork.
            self.beginTransaction('ISOLATION_READ_COMMITTED', leaseToken);
        end

        function [committed, unready] = completeInTransaction(self, header)
            %COMPLETEINTRANSACTION Complete a job and commit its transaction; false if the answer was lost.
            %
            %   [committed, unready] = connection.completeInTransaction(header)
            %
            %   unready  whether the job inserted nothing, so that it is asked again later
            %
            %   After false, the caller completes the job once more; a job that was committed stays as it is.
            ending = onCleanup(@() self.endTransaction());
            answers = self.askSession({struct('complete_job', header)});
            unready = answers{end}.complete_job.unready;
            committed = true;
            try
                self.commitTransaction();
            catch failure
                if ~strcmp(failure.identifier, 'levada:OutcomeUnknown')
                    rethrow(failure)
                end
                committed = false;
            end
        end
    end

    methods (Hidden)
        function checkOpen(self)
            if isempty(self.Channel)
                levada.internal.errors.fail('Unavailable', ...
                    'The connection to %s is closed; call levada.connect again.', ...
                    self.Address);
            end
        end

        function checkOutsideTransaction(self, method, known)
            if self.inTransaction() && isempty(known.sessionField) && ~known.reads
                levada.internal.errors.fail('PreconditionFailed', ...
                    ['Jobs, and declaring or dropping schemas and tables, are not ' ...
                    'part of transactions: do it before or after the transaction (%s).'], method);
            end
        end

        function job = jobAsking(self, known)
            % Return the work of the make that runs, if it marks requests of this method.
            job = [];
            if ~isempty(known.sessionField)
                job = levada.internal.jobs.currentWork();
                if ~isempty(job) && ~job.asks(self)
                    job = [];
                end
            end
        end

        function beginTransaction(self, isolation, leaseToken)
            % Begin a transaction; wait for a server that is out of reach, as a call does.
            longestSeconds = 10;
            self.checkOpen();
            begin = struct('begin', struct('isolation', isolation, 'lease_token', leaseToken));
            mayRepeat = @(failure) levada.internal.errors.isServerLost(failure) && ...
                levada.internal.calls.gateway('answered', self.Channel);
            levada.internal.calls.repeatCall(@() self.tryToBegin(begin), longestSeconds, mayRepeat);
        end

        function tryToBegin(self, begin)
            self.Session = levada.internal.api.openSession(self);
            try
                self.askSession({begin});
            catch failure
                self.endTransaction();
                rethrow(failure)
            end
        end

        function endTransaction(self)
            if ~isempty(self.Session)
                ended = self.Session;
                self.Session = [];
                self.Savepoints = {};
                levada.internal.calls.endSession(ended);
            end
        end

        function answers = askSession(self, requests)
            answers = levada.internal.calls.askSession(self.Session, requests);
            if isfield(answers{end}, 'error')
                status = answers{end}.error;
                levada.internal.errors.raise(status);
            end
        end

        function varargout = runInSavepoint(self, action)
            name = sprintf('levada_%d', numel(self.Savepoints));
            self.askSession({struct('savepoint', struct('name', name))});
            self.Savepoints{end + 1} = name;
            try
                [varargout{1:nargout}] = action();
                self.Savepoints(end) = [];
                self.askSession({struct('commit', struct('savepoint', name))});
            catch failure
                if self.inTransaction()
                    self.Savepoints = self.Savepoints(1:find(strcmp(self.Savepoints, name)) - 1);
                    self.askSession({struct('roll_back', struct('savepoint', name))});
                    self.askSession({struct('commit', struct('savepoint', name))});
                end
                rethrow(failure)
            end
        end
    end
end

function answer = foreseen(job, method, message)
% Return the answer to a count or a check of existence that came ahead, or [].
answer = [];
arms = struct('QueryService_CountRelation', 'count', 'QueryService_CheckExistence', 'existence');
name = strrep(method, '/', '_');
if isfield(arms, name)
    ahead = job.foreseen(arms.(name), message);
    if ~isempty(ahead)
        answer = ahead.(arms.(name));
        job.takeAhead(answer);
    end
end
end
