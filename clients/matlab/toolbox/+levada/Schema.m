classdef Schema < handle
% Schema  A namespace of tables, and the package of classes that declare them.
%
%   schema = levada.Schema(package, name)
%   schema = levada.Schema(connection, package, name)
%
%   package     where the classes are: 'lab' for the folder +lab; '' for a schema without classes here
%   name        of the schema at the server; it is created if it does not exist
%   connection  where it lives; by default that of levada.conn
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
%   Tables without a class here, such as those that Python declared, are at hand as schema.v.Session; a part as
%   schema.v.SessionTrial.
%
%   See also levada.virtualSchema, levada.Manual

    properties (SetAccess = private)
        package = ''  % where the classes are
        dbname = ''   % its name at the server
    end

    properties (Hidden, SetAccess = private)
        GivenConnection = []
        Declared  % names of tables by class and server, of those that were declared in this session
        CreatedAt = ''
    end

    methods
        function self = Schema(varargin)
            % Schema  Name a schema; the server is asked when it is first used.
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
            self.Declared = containers.Map();
        end

        function connection = conn(self)
            % conn  Give the connection that the schema lives at.
            connection = self.GivenConnection;
            if isempty(connection)
                connection = levada.conn();
            end
        end

        function tables = v(self)
            % v  Give the tables of the schema by name, with or without a class here: schema.v.Session.
            tables = levada.internal.schema.TableAccessor(self);
        end

        function names = classNames(self)
            % classNames  Give the names of the classes of the schema's tables, parents first: {'lab.Subject', ...}.
            prefix = self.package;
            if isempty(prefix)
                prefix = self.dbname;
            end
            names = cellfun(@(t) [prefix '.' strrep(t.name.table, '.', '')], self.tables(), 'UniformOutput', false);
        end

        function found = tables(self)
            % tables  Give the tables of the schema as the catalog has them, parents first.
            self.create();
            found = {};
            request = struct('schema', self.dbname);
            while true
                page = self.conn().request('SchemaService/ListTables', request);
                if isfield(page, 'tables')
                    found = [found, page.tables]; %#ok<AGROW>
                end
                if ~isfield(page, 'next_page_token') || isempty(page.next_page_token)
                    return
                end
                request.page_token = page.next_page_token;
            end
        end

        function answer = exists(self)
            % exists  Tell whether the server has the schema.
            answer = true;
            try
                self.conn().request('SchemaService/ListTables', struct('schema', self.dbname, 'page_size', 1));
            catch failure
                if ~strcmp(failure.identifier, 'levada:UnknownSchema')
                    rethrow(failure)
                end
                answer = false;
            end
        end

        function varargout = transaction(self, action)
            % transaction  Run a function whose changes are kept all or not at all; see levada.Connection.
            [varargout{1:nargout}] = self.conn().transaction(action);
        end

        function drop(self, varargin)
            % drop  Drop the schema with its tables and rows, after asking.
            %
            %   drop(schema)
            %   drop(schema, 'Prompt', false)
            named = levada.internal.inputs.readOptions(struct('Prompt', levada.config('safemode')), varargin);
            lines = cellfun(@(t) ['  ' levada.internal.schema.fullName(t.name)], self.tables(), 'UniformOutput', false);
            lines = [{sprintf('About to drop the schema `%s` with:', self.dbname)}, lines];
            if levada.internal.inputs.confirm(lines, sprintf('Drop the schema `%s`?', self.dbname), named.Prompt)
                request = struct('name', self.dbname, 'request_id', levada.internal.calls.gateway('requestId'));
                self.conn().request('SchemaService/DropSchema', request);
                self.forget();
            end
        end

        function varargout = draw(self, varargin)
            % draw  Draw the diagram of the schema; see levada.Diagram.
            [varargout{1:nargout}] = draw(levada.Diagram(self), varargin{:});
        end

        function diagram = erd(self)
            % erd  Give the diagram of the schema; older code calls it like this.
            diagram = levada.Diagram(self);
        end

        function paths = syncClasses(self)
            % syncClasses  Write a class file into the package for each table that has none there.
            %
            %   paths = syncClasses(schema)
            paths = levada.internal.schema.writeClasses(self);
        end

        function reload(self)
            % reload  Declare classes anew when they are next used; for definitions that were edited.
            self.forget();
        end

        function disp(self)
            % disp  Show the names.
            fprintf('  levada.Schema `%s` of the package +%s\n', self.dbname, self.package);
        end
    end

    methods (Hidden)
        function create(self)
            % create  Make sure that the server has the schema.
            address = self.conn().Address;
            if ~strcmp(self.CreatedAt, address)
                request = struct('name', self.dbname, 'allow_existing', true, 'request_id', ...
                    levada.internal.calls.gateway('requestId'));
                self.conn().request('SchemaService/CreateSchema', request);
                self.CreatedAt = address;
            end
        end

        function name = declare(self, className)
            % declare  Give the name of the table of a class, which is declared first if that was not done yet.
            key = [className ' ' self.conn().Address];
            if ~isKey(self.Declared, key)
                name = levada.internal.schema.classTableName(className, self);
                self.Declared(key) = name;  % before its parents, which may look back at it
                try
                    levada.internal.schema.declareClass(self, className, name);
                catch failure
                    remove(self.Declared, key);
                    rethrow(failure)
                end
            end
            name = self.Declared(key);
        end

        function forget(self)
            % forget  Take it that nothing is declared.
            self.Declared = containers.Map();
            self.CreatedAt = '';
        end
    end
end
