classdef Lineage
%LINEAGE Rows of several tables that belong together along foreign keys.
%
%   found = trace(lab.Stat & key)        the rows that these depend on, in all tables upstream
%   found = cascade(lab.Subject & key)   the rows that depend on these, in all tables downstream
%   found = upstream(self)               within a make: the rows that the current key depends on
%
%   rows(found, lab.Session)     one of the tables, restricted to its rows
%   counts(found)                how many rows of each table
%
%   See also levada.Table/trace, levada.Table/cascade, levada.AutoPopulate/upstream

    properties (Hidden, SetAccess = private)
        Connection
        What = ''       % how it was found
        Tables = {}     % the tables that were reached, in the form of the protocol, parents first
        Conditions      % by full name: a cell of conditions, of which a row meets one
    end

    methods
        function self = Lineage(connection, what)
            %LINEAGE Begin with no rows. Users call trace, cascade or upstream.
            self.Connection = connection;
            self.What = what;
            self.Conditions = containers.Map();
        end

        function relation = rows(self, table)
            %ROWS Return a table restricted to its rows.
            %
            %   relation = rows(found, lab.Session)
            %   relation = rows(found, 'lab.Session')
            %
            %   Errors: levada:InvalidRequest (it was not reached).
            table = levada.internal.inputs.plainText(table);
            if ischar(table)
                table = levada.FreeTable(self.Connection, table);
            end
            name = fullTableName(table);
            if ~isKey(self.Conditions, name)
                reached = cellfun(@(t) levada.internal.schema.fullName(t.name), self.Tables, 'UniformOutput', false);
                levada.internal.errors.fail('InvalidRequest', '%s is not in this %s; it has %s.', name, self.What, ...
                    strjoin(reached, ', '));
            end
            relation = table & levada.AnyOf(self.Conditions(name));
        end

        function found = counts(self)
            %COUNTS Count the rows of each table: a struct array with table (full name) and count, parents first.
            found = struct('table', {}, 'count', {});
            for table = self.Tables
                relation = self.rowsOf(table{1});
                found(end + 1, 1) = struct('table', levada.internal.schema.fullName(table{1}.name), ...
                    'count', count(relation)); %#ok<AGROW>
            end
        end

        function disp(self)
            %DISP Show the number of rows of each table.
            for found = reshape(counts(self), 1, [])
                fprintf('  %9d in %s\n', found.count, found.table);
            end
        end
    end

    methods (Static, Hidden)
        function self = up(seed)
            %UP Find the rows that those of a table depend on.
            self = levada.Lineage(conn(seed), 'trace');
            tables = levada.internal.diagrams.fetchGraph(self.Connection, {}, {tableName(seed)}, -1, 0);
            self = self.add(fullTableName(seed), proj(seed));
            for found = fliplr(tables)
                self = self.carryUp(found{1});
            end
            self = self.keep(tables);
        end

        function self = upOfKey(connection, name, key)
            %UPOFKEY Find the rows that a key of a table depends on, with the parts of their tables.
            self = levada.Lineage(connection, 'upstream');
            tables = levada.internal.diagrams.fetchGraph(connection, {}, {name}, -1, 0);
            own = tables{end};
            for found = keysOf(own)
                pairs = found{1}.attributes;
                known = cellfun(@(p) isfield(key, p.child), pairs);
                if all(known)
                    parts = cellfun(@(p) {p.parent, key.(p.child)}, pairs, 'UniformOutput', false);
                    values = [parts{:}];
                    self = self.add(levada.internal.schema.fullName(found{1}.parent), ...
                        cell2struct(values(2:2:end), values(1:2:end), 2));
                end
            end
            for found = fliplr(tables)
                self = self.carryUp(found{1});
            end
            names = cellfun(@(t) t.name, tables, 'UniformOutput', false);
            around = levada.internal.diagrams.fetchGraph(connection, {}, names, 0, 1);
            for found = around
                if ~isKey(self.Conditions, levada.internal.schema.fullName(found{1}.name))
                    self = self.carryToPart(found{1});
                end
            end
            known = cellfun(@(t) levada.internal.schema.fullName(t.name), tables, 'UniformOutput', false);
            isNew = ~ismember(cellfun(@(t) levada.internal.schema.fullName(t.name), around, 'UniformOutput', false), known);
            self = self.keep([tables, around(isNew)]);
        end

        function self = down(seed, partIntegrity)
            %DOWN Find the rows that depend on those of a table.
            starts = containers.Map();
            starts(fullTableName(seed)) = {proj(seed)};
            names = {tableName(seed)};
            while true
                self = levada.Lineage(conn(seed), 'cascade');
                for name = keys(starts)
                    self.Conditions(name{1}) = starts(name{1});
                end
                tables = levada.internal.diagrams.fetchGraph(self.Connection, {}, names, 0, -1);
                for found = tables
                    self = self.carryDown(found{1}, tables);
                end
                self = self.keep(tables);
                missing = {};
                if strcmp(partIntegrity, 'cascade')
                    missing = self.missingMasters(starts);
                end
                if isempty(missing)
                    return
                end
                for master = missing
                    starts(levada.internal.schema.fullName(master{1})) = self.masterConditions(master{1});
                    names{end + 1} = master{1}; %#ok<AGROW>
                end
            end
        end
    end

    methods (Access = private)
        function self = add(self, name, condition)
            conditions = {};
            if isKey(self.Conditions, name)
                conditions = self.Conditions(name);
            end
            self.Conditions(name) = [conditions, {condition}];
        end

        function self = keep(self, tables)
            isReached = cellfun(@(t) isKey(self.Conditions, levada.internal.schema.fullName(t.name)), tables);
            self.Tables = tables(isReached);
        end

        function relation = rowsOf(self, table)
            whole = levada.FreeTable(self.Connection, [table.name.schema '.' table.name.table]);
            relation = whole & levada.AnyOf(self.Conditions(levada.internal.schema.fullName(table.name)));
        end

        function self = carryUp(self, table)
            % Carry the conditions of a table to its parents.
            if isKey(self.Conditions, levada.internal.schema.fullName(table.name))
                for found = keysOf(table)
                    pairs = cellfun(@(p) {p.child, p.parent}, found{1}.attributes, 'UniformOutput', false);
                    self = self.add(levada.internal.schema.fullName(found{1}.parent), self.matching(table, pairs));
                end
            end
        end

        function self = carryDown(self, table, tables)
            % Carry the conditions of a table to its children.
            own = levada.internal.schema.fullName(table.name);
            if isKey(self.Conditions, own)
                for child = tables
                    for found = keysOf(child{1})
                        if strcmp(levada.internal.schema.fullName(found{1}.parent), own)
                            pairs = cellfun(@(p) {p.parent, p.child}, found{1}.attributes, 'UniformOutput', false);
                            self = self.add(levada.internal.schema.fullName(child{1}.name), self.matching(table, pairs));
                        end
                    end
                end
            end
        end

        function self = carryToPart(self, part)
            % Carry the conditions of a master to its part.
            for found = keysOf(part)
                master = found{1}.parent;
                if isKey(self.Conditions, levada.internal.schema.fullName(master)) && isPart(part.name, master)
                    pairs = cellfun(@(p) {p.parent, p.child}, found{1}.attributes, 'UniformOutput', false);
                    self = self.add(levada.internal.schema.fullName(part.name), ...
                        self.matching(struct('name', master), pairs));
                end
            end
        end

        function missing = missingMasters(self, starts)
            % The masters of the parts that were reached, without their masters.
            missing = {};
            for found = self.Tables
                dot = find(found{1}.name.table == '.', 1, 'last');
                if ~isempty(dot)
                    master = struct('schema', found{1}.name.schema, 'table', found{1}.name.table(1:dot - 1));
                    name = levada.internal.schema.fullName(master);
                    known = cellfun(@(m) strcmp(levada.internal.schema.fullName(m), name), missing);
                    if ~isKey(self.Conditions, name) && ~isKey(starts, name) && ~any(known)
                        missing{end + 1} = master; %#ok<AGROW>
                    end
                end
            end
        end

        function conditions = masterConditions(self, master)
            conditions = {};
            for part = self.Tables
                for found = keysOf(part{1})
                    if isPart(part{1}.name, master) && strcmp(levada.internal.schema.fullName(found{1}.parent), ...
                            levada.internal.schema.fullName(master))
                        pairs = cellfun(@(p) {p.child, p.parent}, found{1}.attributes, 'UniformOutput', false);
                        conditions{end + 1} = self.matching(part{1}, pairs); %#ok<AGROW>
                    end
                end
            end
        end

        function distinct = matching(self, table, pairs)
            % The distinct values of some attributes of a table's rows, under other names: pairs of the old and the new.
            relation = self.rowsOf(table);
            olds = cellfun(@(p) p{1}, pairs, 'UniformOutput', false);
            news = cellfun(@(p) p{2}, pairs, 'UniformOutput', false);
            isRenamed = ~strcmp(olds, news);
            items = [olds(~isRenamed), strcat(olds(isRenamed), '->', news(isRenamed))];
            % A key attribute stays in every projection: one whose name is taken gets another name.
            inTheWay = setdiff(intersect(primaryKey(relation), news(isRenamed)), olds(isRenamed));
            items = [items, strcat(inTheWay, '->other_', inTheWay)];
            distinct = levada.U(news{:}) & proj(relation, items{:});
        end
    end
end

function keys = keysOf(table)
keys = {};
if isfield(table, 'foreign_keys')
    keys = reshape(table.foreign_keys, 1, []);
end
end

function answer = isPart(name, master)
answer = strcmp(name.schema, master.schema) && strncmp(name.table, [master.table '.'], numel(master.table) + 1);
end
