classdef JobWork < handle
%JOBWORK Work of a job while its make runs: inserts that wait, the receipt of its reads, and its transaction.
%
%   Inserts are kept until the job is completed, so that no transaction is open while a make computes. A transaction
%   opens as soon as a request must see them: a read of a table with waiting inserts, or a write that is not an insert.
%   It ends by completing the job.

    properties (SetAccess = private)
        Lease          % the job's, in the form of the protocol
        Inserts = {}   % a struct for each insert, with name, options, location and parts (a cell of columns)
        Receipt = []   % the server's, for all reads so far; the next read sends it, and gets one with that read added
        Open = false   % whether its transaction is open, so that inserts go into it
        Reads = {}       % its reads before its first change: structs with method and message
        ReadSeconds = 0  % how long it waited for answers
        Hashes           % containers.Map: the hashes of the objects that it has put into stores, by their ids
        Hits = 0         % how many of its reads had been answered ahead
        Verifies = false  % whether what is fetched now is read again when the job is completed, and must be the same
    end

    properties (Access = private)
        Connection
        IsCancelled   % function of a lease token: whether the job was cancelled
        Code          % the digest of the code that computes it, or ''
        IsBeside      % whether a result is stored that this one is to be compared with: nothing may be written
        Receipts = {} % the receipts of reads that were answered ahead
        Answers = []  % the answers to its first reads, if they were fetched ahead
        IsForeseeable = true  % whether nothing has changed yet, so that reads may be answered ahead
        Verified = {} % reads to be checked then, in the form of the protocol
        Busy = false  % whether a request of this object is under way; it must not be marked again
    end

    methods
        function self = JobWork(connection, lease, isCancelled, code, isBeside)
            %JOBWORK Begin the work of one job.
            self.Connection = connection;
            self.Lease = lease;
            self.IsCancelled = isCancelled;
            self.Code = code;
            self.IsBeside = isBeside;
            self.Hashes = containers.Map();
        end

        function takeObject(self, id, hash)
            %TAKEOBJECT Note the hash of an object that was put into a store for it.
            self.Hashes(id) = hash;
        end

        function foresee(self, answers)
            %FORESEE Use answers that levada.internal.jobs.Prefetch fetched ahead.
            self.Answers = answers;
        end

        function answer = foreseen(self, method, message)
            %FORESEEN Return the answer to a read if it came ahead, else []: the server is asked then.
            %
            %   method  'fetch', 'count' or 'existence'
            answer = [];
            if ~self.IsForeseeable
                return
            end
            self.checkWanted();
            read = struct('method', method, 'message', message);
            self.Reads{end + 1} = read;
            ahead = self.Answers;
            self.Answers = [];  % after another read than expected, the rest is older than that
            if isempty(ahead) || isempty(ahead.reads) || ...
                    ~levada.internal.jobs.Prefetch.isSame(ahead.reads{1}, read) || ...
                    toc(ahead.began) > ahead.keptSeconds || ...
                    ahead.version ~= levada.internal.calls.gateway('catalogVersion', self.Connection.Channel)
                return
            end
            answer = ahead.answers{1};
            ahead.reads(1) = [];
            ahead.answers(1) = [];
            self.Answers = ahead;
            self.Hits = self.Hits + 1;
        end

        function waited(self, seconds)
            %WAITED Note how long a read took.
            self.ReadSeconds = self.ReadSeconds + seconds;
        end

        function answer = asks(self, connection)
            %ASKS Return whether requests over a connection are to be marked as the job's.
            answer = ~self.Busy && connection.Channel == self.Connection.Channel;
        end

        function checkTable(self, name)
            %CHECKTABLE Refuse rows of tables other than the job's own and its parts, if the schema's contract does.
            self.checkWanted();
            own = levada.internal.schema.fullName(self.Lease.table);
            given = levada.internal.schema.fullName(name);
            isOwn = strcmp(given, own) || strncmp(given, [own(1:end - 1) '__'], numel(own) + 1);
            if ~isOwn && strcmp(self.contract(), 'MAKE_CONTRACT_ON')
                levada.internal.errors.fail('MakeContract', ...
                    ['make of `%s` inserts into %s, which is neither its own table nor a ' ...
                    'part of it. Insert these rows before populate, or make that table a part.'], ...
                    self.Lease.table.table, given);
            end
        end

        function insert(self, name, options, columns)
            %INSERT Keep the columns of one insert.
            self.checkComplete(name, columns);
            self.IsForeseeable = false;  % further reads may depend on it
            location = callerLocation();
            if ~isempty(self.Inserts)
                last = self.Inserts{end};
                sameColumns = isequal({last.parts{1}.name}, {columns.name}) && isequal({last.parts{1}.kind}, ...
                    {columns.kind});
                % A loop of inserts becomes one insert of many rows.
                if sameColumns && isequal(last.name, name) && isequal(last.options, options) && ...
                    strcmp(last.location, location)
                    self.Inserts{end}.parts{end + 1} = columns;
                    return
                end
            end
            self.Inserts{end + 1} = struct('name', name, 'options', options, 'location', location, 'parts', ...
                {{columns}});
        end

        function message = marked(self, method, message)
            %MARKED Mark a request as the job's. Open its transaction if the request must see rows that wait.
            %
            %   method  as levada.internal.api.method describes it
            self.checkWanted();
            if ~method.reads || self.mustSee(message)
                self.openTransaction();
            end
            if method.takesLease
                message.lease_token = self.Lease.lease_token;
            end
            if method.takesReceipt && ~isempty(self.Receipt)
                message.read_receipt = self.Receipt;
            end
        end

        function messages = markedRows(self, messages)
            %MARKEDROWS Mark an insert that goes into the job's transaction.
            messages{1}.header.lease_token = self.Lease.lease_token;
        end

        function verify(self, answer)
            %VERIFY Begin or end to have what is fetched checked when the job is completed.
            self.Verifies = answer;
        end

        function takeAhead(self, response)
            %TAKEAHEAD Keep the receipt of a read that was answered ahead.
            self.Receipts{end + 1} = response.read_receipt;
        end

        function verifyRead(self, relation, last)
            %VERIFYREAD Keep the digest that the last piece of a fetch carries, if it is to be checked.
            if self.Verifies
                self.Verified{end + 1} = struct('relation', relation, 'digest', last.digest);
            end
        end

        function take(self, response)
            %TAKE Keep the receipt that an answer carries.
            if isfield(response, 'read_receipt') && ~isempty(response.read_receipt)
                self.Receipt = response.read_receipt;
            end
        end

        function openTransaction(self)
            %OPENTRANSACTION Begin the job's transaction with the inserts that wait.
            if self.IsBeside
                levada.internal.errors.fail('PreconditionFailed', ...
                    ['make of `%s.%s` changes rows, or reads what it has inserted, so it cannot be computed beside ' ...
                    'what is stored. Delete the result and populate again.'], self.Lease.table.schema, ...
                    self.Lease.table.table);
            end
            self.IsForeseeable = false;
            if self.Open
                return
            end
            self.Busy = true;
            done = onCleanup(@() self.rest());
            self.Connection.beginJobTransaction(self.Lease.lease_token);
            self.Open = true;
            waiting = self.Inserts;
            self.Inserts = {};
            for found = waiting
                header = struct('name', found{1}.name, 'options', found{1}.options, 'lease_token', ...
                    self.Lease.lease_token);
                pieces = cellfun(@(p) struct('arrow_ipc', p), piecesOf(found{1}), 'UniformOutput', false);
                levada.internal.api.insertRows(self.Connection, [{struct('header', header)}, pieces]);
            end
        end

        function openBlock(self)
            %OPENBLOCK Open the job's transaction; a connection.transaction(...) in its make becomes a part of it.
            message = sprintf(['make of `%s.%s` opens a transaction. The inserts of a make are kept all or not at ' ...
                'all without one; call the function without connection.transaction.'], self.Lease.table.schema, ...
                self.Lease.table.table);
            switch self.contract()
                case 'MAKE_CONTRACT_ON'
                    levada.internal.errors.fail('MakeContract', '%s', message);
                case 'MAKE_CONTRACT_WARN'
                    self.Connection.warnOnce([message ' It is now a part of the job''s transaction.']);
            end
            self.openTransaction();
        end

        function [committed, unready] = finish(self, seconds)
            %FINISH Complete the job in its transaction, and return whether it inserted nothing. Without a transaction,
            % the caller completes it.
            committed = self.Open;
            unready = false;
            if self.Open
                self.Busy = true;
                done = onCleanup(@() self.rest());
                self.Open = false;
                [committed, unready] = self.Connection.completeInTransaction(self.header(seconds));
            end
        end

        function abandon(self)
            %ABANDON Undo everything.
            self.Inserts = {};
            if self.Open
                self.Open = false;
                self.Connection.cancelTransaction();
            end
        end

        function header = header(self, seconds)
            %HEADER Return the header of the job for CompleteJobs.
            header = struct('name', self.Lease.table, 'job_id', self.Lease.job_id, 'lease_token', ...
                self.Lease.lease_token, ...
                'duration', levada.internal.values.durationMessage(seconds), 'code_version', self.Code);
            receipts = self.Receipts;
            if ~isempty(self.Receipt)
                receipts{end + 1} = self.Receipt;
            end
            if ~isempty(receipts)
                header.read_receipts = receipts;
            end
            if ~isempty(self.Verified)
                header.verified_reads = self.Verified;
            end
        end

        function inserts = encoded(self)
            %ENCODED Return all inserts that wait: structs with rows (JobRows), row_count and pieces of their Arrow stream.
            inserts = cell(1, numel(self.Inserts));
            for index = 1:numel(inserts)
                found = self.Inserts{index};
                rows = struct('name', found.name, 'options', found.options, 'location', found.location);
                number = sum(cellfun(@(columns) numel(columns(1).values), found.parts));
                inserts{index} = struct('rows', rows, 'row_count', number, 'pieces', {piecesOf(found)});
            end
        end
    end

    methods (Access = private)
        function name = contract(self)
            table = self.Connection.describeTable(self.Lease.table);
            name = table.make_contract;
        end

        function checkWanted(self)
            if self.IsCancelled(self.Lease.lease_token)
                levada.internal.errors.fail('LeaseLost', 'This job of `%s.%s` was cancelled; its make is ended.', ...
                    self.Lease.table.schema, self.Lease.table.table);
            end
        end

        function rest(self)
            self.Busy = false;
        end

        function answer = mustSee(self, message)
            % Return whether a request reads a table for which inserts wait.
            answer = false;
            if isempty(self.Inserts) || ~isfield(message, 'relation')
                return
            end
            waiting = cellfun(@(w) levada.internal.schema.fullName(w.name), self.Inserts, 'UniformOutput', false);
            for found = message.relation.nodes
                if isfield(found{1}, 'table') && ...
                    any(strcmp(waiting, levada.internal.schema.fullName(found{1}.table.name)))
                    answer = true;
                    return
                end
            end
        end

        function checkComplete(self, name, columns)
            % A missing value is an error here, in the user's code, and not only when the job is completed.
            table = self.Connection.describeTable(name);
            for found = table.heading.attributes
                attribute = found{1};
                isOptional = (isfield(attribute, 'nullable') && attribute.nullable) || isfield(attribute, ...
                    'default_value') ...
                    || (isfield(attribute, 'auto_increment') && attribute.auto_increment);
                at = strcmp({columns.name}, attribute.name);
                if ~isOptional && (~any(at) || any(columns(at).nulls))
                    levada.internal.errors.fail('MissingAttribute', ...
                        '`%s.%s`: a row has no value for `%s`, which has no default.', name.schema, name.table, ...
                        attribute.name);
                end
            end
        end
    end
end

function pieces = piecesOf(insert)
pieces = levada.internal.rows.encodeColumns(joined(insert.parts));
end

function columns = joined(parts)
columns = parts{1};
if isscalar(parts)
    return
end
for index = 1:numel(columns)
    values = cellfun(@(p) p(index).values, parts, 'UniformOutput', false);
    nulls = cellfun(@(p) fullNulls(p(index)), parts, 'UniformOutput', false);
    columns(index).values = vertcat(values{:});
    columns(index).nulls = vertcat(nulls{:});
end
end

function nulls = fullNulls(column)
nulls = column.nulls;
if isempty(nulls)
    nulls = false(numel(column.values), 1);
end
end

function text = callerLocation()
% Return the file and line of the user's code that inserts. Errors of the server repeat them.
text = '';
stack = dbstack('-completenames');
folder = fileparts(fileparts(fileparts(mfilename('fullpath'))));
for index = 1:numel(stack)
    if ~strncmp(stack(index).file, folder, numel(folder)) && ~isempty(stack(index).file)
        text = sprintf('%s:%d', stack(index).file, stack(index).line);
        return
    end
end
end
