classdef InsertBuffer < handle
% InsertBuffer  Keeps what a make inserts into its table and the parts, until its job is completed.

    properties (SetAccess = private)
        Lease     % the job's, as the protocol has it
        Inserts = {}  % of each insert a struct with name, options, location and parts (a cell of columns)
    end

    properties (Access = private)
        Connection
    end

    methods
        function self = InsertBuffer(connection, lease)
            % InsertBuffer  Begin for one job.
            self.Connection = connection;
            self.Lease = lease;
        end

        function answer = accepts(self, name)
            % accepts  Take rows of the table itself and its parts; refuse those of others.
            own = levada.internal.fullName(self.Lease.table);
            given = levada.internal.fullName(name);
            answer = strcmp(given, own) || strncmp(given, [own(1:end - 1) '__'], numel(own) + 1);
            if ~answer
                levada.internal.fail('MakeContract', ['make of `%s` inserts into %s, which is neither its own table nor a ' ...
                    'part of it. Insert these rows before populate, or make that table a part.'], self.Lease.table.table, given);
            end
        end

        function insert(self, name, options, columns)
            % insert  Keep the columns of one insert.
            self.checkComplete(name, columns);
            location = callerLocation();
            if ~isempty(self.Inserts)
                last = self.Inserts{end};
                sameColumns = isequal({last.parts{1}.name}, {columns.name}) && isequal({last.parts{1}.kind}, {columns.kind});
                % A loop around insert makes one insert of many rows.
                if sameColumns && isequal(last.name, name) && isequal(last.options, options) && strcmp(last.location, location)
                    self.Inserts{end}.parts{end + 1} = columns;
                    return
                end
            end
            self.Inserts{end + 1} = struct('name', name, 'options', options, 'location', location, 'parts', {{columns}});
        end

        function messages = requests(self)
            % requests  Give all that was inserted as messages of CompleteJobs.
            messages = {};
            for found = self.Inserts
                rows = struct('name', found{1}.name, 'options', found{1}.options, 'location', found{1}.location);
                pieces = levada.internal.encodeColumns(joined(found{1}.parts));
                parts = cellfun(@(p) struct('arrow_ipc', p), pieces, 'UniformOutput', false);
                messages = [messages, {struct('rows', rows)}, parts]; %#ok<AGROW>
            end
        end
    end

    methods (Access = private)
        function checkComplete(self, name, columns)
            % Tell of a missing value where the user's code is, not when the job is completed.
            table = self.Connection.describeTable(name);
            for found = table.heading.attributes
                attribute = found{1};
                isOptional = (isfield(attribute, 'nullable') && attribute.nullable) || isfield(attribute, 'default_value') ...
                    || (isfield(attribute, 'auto_increment') && attribute.auto_increment);
                at = strcmp({columns.name}, attribute.name);
                if ~isOptional && (~any(at) || any(columns(at).nulls))
                    levada.internal.fail('MissingAttribute', ...
                        '`%s`: a row has no value for `%s`, which has no default.', name.table, attribute.name);
                end
            end
        end
    end
end

function columns = joined(parts)
columns = parts{1};
if isscalar(parts)
    return
end
for index = 1:numel(columns)
    values = cellfun(@(p) p(index).values, parts, 'UniformOutput', false);
    nulls = cellfun(@(p) fullNulls(p(index)), parts, 'UniformOutput', false);
    if strcmp(columns(index).kind, 'tensor')
        columns(index).values = cat(numel(levada.internal.arrayShape(columns(index).type)) + 1, values{:});
    else
        columns(index).values = vertcat(values{:});
    end
    columns(index).nulls = vertcat(nulls{:});
end
end

function nulls = fullNulls(column)
nulls = column.nulls;
if isempty(nulls)
    if strcmp(column.kind, 'tensor')
        number = size(column.values, numel(levada.internal.arrayShape(column.type)) + 1);
    else
        number = numel(column.values);
    end
    nulls = false(number, 1);
end
end

function text = callerLocation()
% The file and line of the user's code that inserts; errors of the server repeat it.
text = '';
stack = dbstack('-completenames');
folder = fileparts(fileparts(mfilename('fullpath')));
for index = 1:numel(stack)
    if ~strncmp(stack(index).file, folder, numel(folder)) && ~isempty(stack(index).file)
        text = sprintf('%s:%d', stack(index).file, stack(index).line);
        return
    end
end
end
