classdef TableAccessor
%TABLEACCESSOR Access to the tables of a schema by name: lab.Session, lab.SessionTrial.
%
%   See also levada.virtualSchema

    properties (Access = private)
        Schema
    end

    methods
        function self = TableAccessor(schema)
            %TABLEACCESSOR Access the tables of a levada.Schema.
            self.Schema = schema;
        end

        function varargout = subsref(self, references)
            %SUBSREF Return a table by its name, and apply the references after it.
            if ~strcmp(references(1).type, '.')
                levada.internal.errors.fail('InvalidRequest', 'Tables are available by name, as in lab.Session.');
            end
            table = find(self, references(1).subs);
            if numel(references) == 1
                varargout = {table};
            else
                [varargout{1:nargout}] = subsref(table, references(2:end));
            end
        end

        function number = numArgumentsFromSubscript(self, references, context)
            %NUMARGUMENTSFROMSUBSCRIPT Return how many values MATLAB asks subsref for: none of a method that has none.
            number = 1;
            if numel(references) > 1 && strcmp(char(context), 'Statement')
                [~, ~, outputs] = levada.internal.schema.definingClass(find(self, references(1).subs), references(2).subs);
                number = min(1, outputs);
            end
        end

        function disp(self)
            %DISP Show the names of the tables.
            fprintf('  tables of the schema `%s`\n', self.Schema.dbname);
            tables = self.Schema.tables();
            for index = 1:numel(tables)
                fprintf('    %s\n', strrep(tables{index}.name.table, '.', ''));
            end
        end

        function names = properties(self)
            %PROPERTIES Return the names of the tables.
            names = cellfun(@(t) strrep(t.name.table, '.', ''), reshape(self.Schema.tables(), [], 1), ...
                'UniformOutput', false);
        end
    end

    methods (Hidden)
        function table = find(self, name)
            className = [self.Schema.package '.' name];
            if ~isempty(self.Schema.package) && ~isempty(which(className))
                table = feval(className);
                return
            end
            tables = self.Schema.tables();
            for index = 1:numel(tables)
                if strcmp(strrep(tables{index}.name.table, '.', ''), name)
                    table = levada.FreeTable(self.Schema.conn(), [self.Schema.dbname '.' tables{index}.name.table]);
                    return
                end
            end
            levada.internal.errors.fail('UnknownTable', 'The schema `%s` has no table `%s`.', self.Schema.dbname, name);
        end
    end
end
