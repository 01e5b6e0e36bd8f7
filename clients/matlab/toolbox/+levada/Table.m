classdef Table < levada.Relation
%TABLE Table, whole or restricted: its rows, and its place in the catalog.
%
%   Users derive their classes from levada.Manual, Lookup, Imported, Computed and Part. A table that has no class here
%   is available by its name: levada.FreeTable, or v of levada.Schema.
%
%   insert, inserti, update, del, delQuick    change rows
%   describe, alter, drop, parents, ...       the catalog
%
%   See also levada.Relation, levada.Schema

    methods
        function self = Table(varargin)
            %TABLE Make the relation of the whole table, or of a table by its name, as levada.FreeTable does.
            inputs = varargin;
            if ~isempty(inputs) && ~isstruct(inputs{1})
                inputs = {levada.internal.query.namedTable(inputs{:})};
            end
            self@levada.Relation(inputs{:});
        end

        function name = className(self)
            %CLASSNAME Return the name of the class.
            name = class(self);
        end

        function text = fullTableName(self)
            %FULLTABLENAME Return schema and stored name: `lab`.`session__trial`.
            text = levada.internal.schema.fullName(tableName(self));
        end

        function found = schema(self)
            %SCHEMA Return the levada.Schema of the table.
            root = levada.internal.query.tableNode(node(self));
            reference = root.body.reference;
            if isfield(reference, 'class')
                found = levada.internal.schema.schemaOf(reference.class);
            else
                found = levada.Schema(reference.connection, '', reference.schema);
            end
        end

        function connection = conn(self)
            %CONN Return the connection of the table.
            connection = levada.internal.query.connectionOf(node(self));
        end

        function text = describe(self)
            %DESCRIBE Return a definition that declares this table; print it if no output is requested.
            %
            %   describe(lab.Session)
            %   text = describe(lab.Session)
            table = conn(self).describeTable(tableName(self));
            text = table.definition;
            if nargout == 0
                fprintf('%s\n', text);
                clear text
            end
        end

        function names = parents(self, primary)
            %PARENTS Return the full names of the tables that this one refers to.
            %
            %   parents(table, true)   only by the primary key; false: only by other attributes
            table = conn(self).describeTable(tableName(self));
            names = {};
            if isfield(table, 'foreign_keys')
                keys = table.foreign_keys;
                if nargin > 1
                    keys = keys(cellfun(@(k) (isfield(k, 'primary_key') && k.primary_key) == primary, keys));
                end
                names = cellfun(@(k) levada.internal.schema.fullName(k.parent), keys, 'UniformOutput', false);
            end
        end

        function names = children(self)
            %CHILDREN Return the full names of the tables that refer to this one.
            own = fullTableName(self);
            names = {};
            for found = levada.internal.diagrams.fetchGraph(conn(self), {}, {tableName(self)}, 0, 1)
                table = found{1};
                if isfield(table, 'foreign_keys') && any(cellfun(@(k) ...
                        strcmp(levada.internal.schema.fullName(k.parent), own), table.foreign_keys))
                    names{end + 1} = levada.internal.schema.fullName(table.name); %#ok<AGROW>
                end
            end
        end

        function names = ancestors(self)
            %ANCESTORS Return the full names of all tables that this one depends on, and its own, parents first.
            tables = levada.internal.diagrams.fetchGraph(conn(self), {}, {tableName(self)}, -1, 0);
            names = cellfun(@(t) levada.internal.schema.fullName(t.name), tables, 'UniformOutput', false);
        end

        function names = descendants(self)
            %DESCENDANTS Return the full names of all tables that depend on this one, and its own, parents first.
            tables = levada.internal.diagrams.fetchGraph(conn(self), {}, {tableName(self)}, 0, -1);
            names = cellfun(@(t) levada.internal.schema.fullName(t.name), tables, 'UniformOutput', false);
        end

        function found = trace(self)
            %TRACE Find the rows that these depend on, in all tables upstream: a levada.Lineage.
            %
            %   found = trace(lab.Stat & key);
            %   fetch(rows(found, lab.Subject), '*')
            found = levada.Lineage.up(self);
        end

        function found = cascade(self, varargin)
            %CASCADE Find the rows that depend on these, in all tables downstream: a levada.Lineage.
            %
            %   found = cascade(lab.Subject & key);
            %   found = cascade(..., 'PartIntegrity', 'cascade')   with the masters of parts, as del takes them
            named = levada.internal.inputs.readOptions(struct('PartIntegrity', 'enforce'), varargin);
            if ~any(strcmp(named.PartIntegrity, {'enforce', 'ignore', 'cascade'}))
                levada.internal.errors.fail('InvalidRequest', ...
                    'PartIntegrity is one of enforce, ignore, cascade, not %s.', jsonencode(named.PartIntegrity));
            end
            found = levada.Lineage.down(self, named.PartIntegrity);
        end

        function changed = alter(self, varargin)
            %ALTER Give the table the definition that its class has now, after asking. Entities stay as they are.
            %
            %   alter(lab.Session)
            %   alter(lab.Session, 'Prompt', false)
            %   alter(..., 'Rename', struct('new', 'old'))   attributes with new names: others are dropped and added
            %   alter(..., 'NewName', 'Visit')               renames the table; then rename its class, too
            %   alter(..., 'Definition', text)               another definition than that of the class
            %   plan = alter(..., 'DryRun', true)            alters nothing, and returns a levada.AlterationPlan
            %   changed = alter(...)                         whether anything was altered
            %
            %   MATLAB may go on with the class as it was: after an edit of its file, run `clear classes` first.
            %
            %   Errors: levada:InvalidDefinition, levada:Conflict (the table stayed in use, and nothing changed).
            named = levada.internal.inputs.readOptions(struct('Prompt', levada.config('safemode'), 'Rename', struct(), ...
                'NewName', '', 'Definition', '', 'DryRun', false), varargin);
            checkWhole(self, 'alter');
            plan = levada.AlterationPlan(self, named);
            if named.DryRun
                changed = plan;
                return
            end
            wanted = ~isempty(plan.Changes) && levada.internal.inputs.confirm(plan.lines(), 'Proceed?', named.Prompt);
            if wanted
                plan.confirm();
            end
            if nargout > 0
                changed = wanted;
            end
        end

        function past = definitionHistory(self)
            %DEFINITIONHISTORY Return every definition that the table had, the present one last.
            %
            %   past = definitionHistory(lab.Session)   a struct array with since (in UTC) and definition
            response = levada.internal.api.describeTable(conn(self), struct('name', tableName(self), ...
                'include_history', true));
            past = struct('since', {}, 'definition', {});
            for found = response.history
                past(end + 1, 1) = struct('since', levada.internal.values.momentText(found{1}.create_time), ...
                    'definition', found{1}.definition); %#ok<AGROW>
            end
        end

        function drop(self, varargin)
            %DROP Drop the table and all that depend on it, after asking.
            %
            %   drop(lab.Session)
            %   drop(lab.Session, 'Prompt', false)
            named = levada.internal.inputs.readOptions(struct('Prompt', levada.config('safemode')), varargin);
            checkWhole(self, 'drop');
            levada.internal.schema.dropTable(conn(self), tableName(self), named.Prompt);
            forgetDeclaration(self);
        end

        function dropQuick(self)
            %DROPQUICK Drop the table, and all that depend on it, without asking.
            drop(self, 'Prompt', false);
        end

        function paths = unchangedFiles(self, varargin)
            %UNCHANGEDFILES Find the files of a store that have not changed for some minutes, by the clock of the server.
            %
            %   paths = unchangedFiles(lab.Movie)
            %   paths = unchangedFiles(lab.Movie, 'Folder', '2026', 'Minutes', 5, 'Pattern', '*.avi', 'Attribute', 'file')
            %
            %   PATHS is a cell column of paths that rows may name by an attribute <filepath@>: for the discover of the
            %   class.
            %
            %   Folder     of the store; without it all folders that the server gives to the schema
            %   Minutes    for how long a file must not have changed; 0 for all files
            %   Pattern    only files whose names match: * is anything, ? one letter, [abc] one of these, [!abc] another one
            %   Attribute  the attribute, if the table has several
            %
            %   Errors: levada:InvalidRequest (there is no such attribute, or the schema may not name files there).
            named = levada.internal.inputs.readOptions(struct('Folder', '', 'Minutes', 5, 'Pattern', '', 'Attribute', ...
                ''), varargin);
            paths = levada.internal.objects.storeFiles(self, named);
        end

        function insert(self, rows, varargin)
            %INSERT Insert rows, all or none. A missing field takes the attribute's default.
            %
            %   insert(table, rows)
            %   insert(table, rows, 'SkipDuplicates', true)    leaves out rows whose primary key exists
            %   insert(table, rows, 'Replace', true)           updates rows whose primary key exists
            %   insert(table, rows, 'IgnoreExtraFields', true)
            %   insert(table, rows, 'AllowDirectInsert', true) into an Imported or Computed table outside its make
            %   insert(table, rows, 'Exact', true)             NaN stays NaN in attributes that may be NULL
            %   insert(table, rows, 'IGNORE'), insert(table, rows, 'REPLACE')    the older way
            %
            %   rows  a struct array; a cell with a row per entity and a column per attribute, in the order of the
            %         heading; a table; or a query, which the server inserts by itself
            %
            %   NULL is []; NaN too, except in a floating attribute that cannot be NULL.
            %
            %   Errors: levada:DuplicateEntity, MissingParent, MissingAttribute, UnknownAttribute, WrongValue,
            %   ValueOutOfRange. Their messages name the row, counted from 0, and the attribute.
            levada.internal.rows.insertRows(self, rows, varargin);
        end

        function inserti(self, rows, varargin)
            %INSERTI Insert rows, but leave out those whose primary key exists.
            %
            %   inserti(table, rows)    options as for insert
            insert(self, rows, 'SkipDuplicates', true, varargin{:});
        end

        function insert1(self, row, varargin)
            %INSERT1 Insert one row.
            %
            %   insert1(table, row)    options as for insert
            insert(self, row, varargin{:});
        end

        function update(self, varargin)
            %UPDATE Change secondary attributes of one entity.
            %
            %   update(table, row)                         a struct with the whole key and the attributes to change
            %   update(table & key, attribute, value)      of exactly one entity
            %   update(table & key, attribute)             sets its default
            %
            %   [] and NaN set the default. Errors: levada:NotFound (no such entity), levada:WrongValue.
            levada.internal.rows.updateRow(self, varargin);
        end

        function faults = validate(self, rows, varargin)
            %VALIDATE Find the rows that insert would refuse, and why. No row is kept.
            %
            %   faults = validate(table, rows)
            %   faults = validate(table, rows, 'IgnoreExtraFields', true)
            %
            %   faults  a struct array with row (an index into rows), attribute ('' for the row as a whole), identifier
            %           and message; of each thousand rows at most the first 20. Empty if all can be inserted.
            named = levada.internal.inputs.readOptions(struct('IgnoreExtraFields', ...
                levada.config('ignoreExtraFields')), varargin);
            faults = levada.internal.rows.checkRows(self, rows, named.IgnoreExtraFields);
        end

        function count = del(self, varargin)
            %DEL Delete the entities and all that depend on them, in every schema, after asking.
            %
            %   del(table & key)
            %   del(table & key, 'Prompt', false)
            %   del(table & key, 'PartIntegrity', 'ignore')   parts without their master; 'cascade': the masters too
            %   plan = del(table & key, 'DryRun', true)       deletes nothing, and returns a levada.DeletePlan
            %   count = del(...)                              the number of this table's entities that were deleted
            named = levada.internal.inputs.readOptions(struct('Prompt', levada.config('safemode'), 'PartIntegrity', ...
                'enforce', ...
                'DryRun', false), varargin);
            plan = levada.DeletePlan(self, named.PartIntegrity);
            if named.DryRun
                count = plan;
                return
            end
            deleted = 0;
            if isempty(plan.Counts)
                fprintf('Nothing to delete.\n');
            elseif levada.internal.inputs.confirm(plan.lines(), 'Commit deletes?', named.Prompt)
                deleted = plan.confirm();
            end
            if nargout > 0
                count = deleted;
            end
        end

        function count = delQuick(self, getCount)
            %DELQUICK Delete the entities without asking, and only if nothing depends on them.
            %
            %   delQuick(table & key)
            %   count = delQuick(table & key, true)
            %
            %   Errors: levada:HasChildren.
            number = levada.DeletePlan.quick(self);
            count = [];
            if nargin > 1 && getCount
                count = number;
            end
            if nargout == 0
                clear count
            end
        end
    end

    methods (Hidden)
        function root = node(self)
            %NODE Return the expression. A whole table refers to its class, which is declared when it is first used.
            root = self.Node;
            if isempty(root)
                root = levada.internal.query.classNode(class(self));
            end
        end

        function name = tableName(self)
            %TABLENAME Return the table's name in the form of the protocol; the table may be restricted.
            root = levada.internal.query.tableNode(node(self));
            name = levada.internal.schema.tableName(root.body.reference);
        end

        function found = heading(self)
            %HEADING Return the attributes in the form of the protocol.
            table = conn(self).describeTable(tableName(self));
            found = table.heading.attributes;
        end

        function checkWhole(self, verb)
            %CHECKWHOLE Refuse a restricted table, for operations on whole tables.
            if ~strcmp(getfield(node(self), 'arm'), 'table')
                levada.internal.errors.fail('InvalidRequest', ...
                    '%s works on the whole table, and this one is restricted.', verb);
            end
        end

        function forgetDeclaration(self)
            %FORGETDECLARATION Declare the class again when it is next used.
            root = levada.internal.query.tableNode(node(self));
            if isfield(root.body.reference, 'class')
                schema = levada.internal.schema.schemaOf(root.body.reference.class);
                schema.reload();
            end
        end
    end
end
