classdef Schema < handle
%SCHEMA Namespace of tables, and the package of classes that declare them.
%
%   schema = levada.Schema(package, name)
%   schema = levada.Schema(connection, package, name)
%
%   package     the package of the classes: 'lab' for the folder +lab; '' for a schema without classes here
%   name        the schema's name at the server; it is created if it does not exist
%   connection  its connection; by default that of levada.conn
%
%   A package has a function getSchema.m, which makes its schema once:
%       function schema = getSchema()
%       persistent made
%       if isempty(made)
%           made = levada.Schema('lab', 'lab');
%       end
%       schema = made;
%       end
%
%   Tables without a class here, such as tables that Python declared, are available as schema.v.Session, a part as
%   schema.v.SessionTrial.
%
%   See also levada.virtualSchema, levada.Manual

    properties (SetAccess = private)
        package = ''  % the package of the classes
        dbname = ''   % its name at the server
    end

    properties (Hidden, SetAccess = private)
        GivenConnection = []
        Declared  % names of the tables declared in this session, by class and connection
        Faulty  % the same of tables whose key source was at fault then
        CreatedOn = []  % the channel of the connection to the schema's server
    end

    methods
        function self = Schema(varargin)
            %SCHEMA Name a schema. The server is asked when it is first used.
            inputs = varargin;
            if nargin > 0 && isa(inputs{1}, 'levada.Connection')
                self.GivenConnection = inputs{1};
                inputs(1) = [];
            end
            inputs = cellfun(@levada.internal.inputs.plainText, inputs, 'UniformOutput', false);
            if isempty(inputs) || numel(inputs) > 2 || ~all(cellfun(@ischar, inputs))
                levada.internal.errors.fail('InvalidRequest', ...
                    'Call levada.Schema(package, name) or levada.Schema(connection, package, name).');
            end
            if numel(inputs) == 2
                self.package = inputs{1};
            end
            self.dbname = inputs{end};
            self.forget();
        end

        function connection = conn(self)
            %CONN Return the connection of the schema.
            connection = levada.internal.calls.openConnection(self.GivenConnection);
        end

        function tables = v(self)
            %V Return the tables of the schema by name, with or without a class here: schema.v.Session.
            tables = levada.internal.schema.TableAccessor(self);
        end

        function names = classNames(self)
            %CLASSNAMES Return the names of the classes of the schema's tables, parents first: {'lab.Subject', ...}.
            prefix = self.package;
            if isempty(prefix)
                prefix = self.dbname;
            end
            names = cellfun(@(t) [prefix '.' strrep(t.name.table, '.', '')], self.tables(), 'UniformOutput', false);
        end

        function found = tables(self)
            %TABLES Return the tables of the schema from the catalog, parents first.
            request = struct('schema', self.dbname);
            found = levada.internal.calls.listPages(self.conn(), @levada.internal.api.listTables, 'tables', request);
        end

        function answer = exists(self)
            %EXISTS Return whether the server has the schema.
            answer = true;
            try
                levada.internal.api.listTables(self.conn(), struct('schema', self.dbname, 'page_size', 1));
            catch failure
                if ~strcmp(failure.identifier, 'levada:UnknownSchema')
                    rethrow(failure)
                end
                answer = false;
            end
        end

        function varargout = transaction(self, action)
            %TRANSACTION Run a function whose changes are kept all or not at all; see levada.Connection.
            [varargout{1:nargout}] = self.conn().transaction(action);
        end

        function contract = makeContract(self, contract)
            %MAKECONTRACT Return or set what happens if a make reads or writes tables that it should not.
            %
            %   contract = makeContract(schema)
            %   makeContract(schema, 'on')
            %
            %   A make reads what its own table depends on, and writes its table and parts. 'off': anything else is
            %   allowed. 'warn': it warns, once for each table. 'on': an error. Setting it changes it for everybody.
            if nargin > 1
                contract = levada.internal.inputs.plainText(contract);
                if ~any(strcmp(contract, {'off', 'warn', 'on'}))
                    levada.internal.errors.fail('InvalidRequest', ...
                        'The contract of make is ''off'', ''warn'' or ''on'', not %s.', jsonencode(contract));
                end
                self.create();
                levada.internal.api.updateSchema(self.conn(), struct('name', self.dbname, ...
                    'make_contract', ['MAKE_CONTRACT_' upper(contract)]));
            end
            every = levada.internal.calls.listPages(self.conn(), @levada.internal.api.listSchemas, 'schemas', struct());
            own = every(cellfun(@(s) strcmp(s.name, self.dbname), every));
            if isempty(own)
                levada.internal.errors.fail('UnknownSchema', 'There is no schema `%s`.', self.dbname);
            end
            contract = lower(regexprep(own{1}.make_contract, '^MAKE_CONTRACT_', ''));
            if nargin > 1 && nargout == 0
                clear contract
            end
        end

        function rename(self, newName)
            %RENAME Rename the schema at the server; references to its tables follow. Then change its name in getSchema.m.
            %
            %   Errors: levada:AlreadyExists (the name is taken).
            newName = levada.internal.inputs.plainText(newName);
            levada.internal.api.renameSchema(self.conn(), struct('name', self.dbname, 'new_name', newName, ...
                'request_id', levada.internal.calls.gateway('requestId')));
            self.dbname = newName;
            self.forget();
        end

        function drop(self, varargin)
            %DROP Drop the schema with its tables and rows, after asking.
            %
            %   drop(schema)
            %   drop(schema, 'Prompt', false)
            named = levada.internal.inputs.readOptions(struct('Prompt', levada.config('safemode')), varargin);
            lines = cellfun(@(t) ['  ' levada.internal.schema.fullName(t.name)], self.tables(), 'UniformOutput', false);
            lines = [{sprintf('About to drop the schema `%s` with:', self.dbname)}, lines];
            if levada.internal.inputs.confirm(lines, sprintf('Drop the schema `%s`?', self.dbname), named.Prompt)
                request = struct('name', self.dbname, 'request_id', levada.internal.calls.gateway('requestId'));
                levada.internal.api.dropSchema(self.conn(), request);
                self.forget();
            end
        end

        function varargout = draw(self, varargin)
            %DRAW Draw the diagram of the schema; see levada.Diagram.
            [varargout{1:nargout}] = draw(levada.Diagram(self), varargin{:});
        end

        function diagram = erd(self)
            %ERD Return the diagram of the schema: the name of draw in older code.
            diagram = levada.Diagram(self);
        end

        function paths = syncClasses(self)
            %SYNCCLASSES Write a class file into the package for each table that has none there.
            %
            %   paths = syncClasses(schema)
            paths = levada.internal.schema.writeClasses(self);
        end

        function reload(self)
            %RELOAD Declare classes again when they are next used, after definitions were edited.
            self.forget();
        end

        function disp(self)
            %DISP Show the names.
            fprintf('  levada.Schema `%s` of the package +%s\n', self.dbname, self.package);
        end
    end

    methods (Hidden)
        function create(self)
            %CREATE Make sure that the server has the schema.
            channel = self.conn().Channel;
            if ~isequal(self.CreatedOn, channel)
                request = struct('name', self.dbname, 'allow_existing', true, 'request_id', ...
                    levada.internal.calls.gateway('requestId'));
                levada.internal.api.createSchema(self.conn(), request);
                self.CreatedOn = channel;
            end
        end

        function name = declare(self, className)
            %DECLARE Return the name of the table of a class, and declare the table first if it is not yet.
            key = sprintf('%s %d', className, self.conn().Channel);  % another server may have the address next
            if ~isKey(self.Declared, key)
                name = levada.internal.schema.classTableName(className, self);
                self.Declared(key) = name;  % before its parents, which may refer back to it
                try
                    if levada.internal.schema.declareClass(self, className, name)
                        self.Faulty(key) = name;
                    end
                catch failure
                    remove(self.Declared, key);
                    rethrow(failure)
                end
            end
            name = self.Declared(key);
        end

        function declareFaulty(self, className)
            %DECLAREFAULTY Declare the table of a class again, if its key source was at fault.
            key = sprintf('%s %d', className, self.conn().Channel);
            if isKey(self.Faulty, key)
                remove(self.Faulty, key);
                remove(self.Declared, key);
                self.declare(className);
            end
        end

        function forget(self)
            %FORGET Forget which tables are declared.
            self.Declared = containers.Map();
            self.Faulty = containers.Map();
            self.CreatedOn = [];
        end
    end
end
