classdef DeletePlan
%DELETEPLAN Plan of a delete: the number of rows that it deletes from each table.
%
%   plan = del(lab.Session & key, 'DryRun', true)
%   plan.confirm()    deletes exactly these rows, or fails with levada:PlanChanged if they are not the same any more
%
%   See also levada.Table/del

    properties (SetAccess = private)
        Counts = []  % struct array with table (full name) and count, leaves first
        Digest = ''  % identifies exactly these rows
    end

    properties (Hidden, SetAccess = private)
        Connection
        Request
        OwnTable = ''
    end

    methods
        function self = DeletePlan(table, partIntegrity)
            %DELETEPLAN Ask the server for the plan.
            self.Connection = conn(table);
            self.OwnTable = fullTableName(table);
            self.Request = struct('relation', table.message(), 'part_integrity', integrity(partIntegrity));
            response = levada.internal.api.planDelete(self.Connection, self.Request);
            self.Counts = countsOf(response);
            if isfield(response, 'digest')
                self.Digest = response.digest;
            end
        end

        function number = confirm(self)
            %CONFIRM Delete the rows of the plan, and return how many were the table's own.
            request = self.Request;
            request.digest = self.Digest;
            number = run(self.Connection, request, self.OwnTable);
        end

        function text = lines(self)
            %LINES Return the plan as a cell of lines.
            text = arrayfun(@(c) sprintf('%9d from %s', c.count, c.table), reshape(self.Counts, 1, []), ...
                'UniformOutput', false);
            text = [{'About to delete:'}, text];
        end

        function disp(self)
            %DISP Show the plan.
            if isempty(self.Counts)
                fprintf('Nothing to delete.\n');
            else
                shown = lines(self);
                fprintf('%s\n', shown{:});
            end
        end
    end

    methods (Static, Hidden)
        function number = quick(table)
            %QUICK Delete the entities of a table alone.
            request = struct('relation', table.message(), 'quick', true);
            number = run(conn(table), request, fullTableName(table));
        end
    end
end

function number = run(connection, request, ownTable)
request.request_id = levada.internal.calls.gateway('requestId');
counts = countsOf(levada.internal.api.deleteRows(connection, request));
number = 0;
if ~isempty(counts)
    number = sum([counts(strcmp({counts.table}, ownTable)).count]);
end
end

function counts = countsOf(response)
counts = struct('table', {}, 'count', {});
if isfield(response, 'tables')
    for found = response.tables
        if isfield(found{1}, 'entity_count') && found{1}.entity_count > 0
            counts(end + 1, 1) = struct('table', levada.internal.schema.fullName(found{1}.name), ...
                'count', double(found{1}.entity_count)); %#ok<AGROW>
        end
    end
end
end

function value = integrity(name)
known = {'enforce', 'ignore', 'cascade'};
if ~any(strcmpi(name, known))
    levada.internal.errors.fail('InvalidRequest', ...
        'PartIntegrity is one of %s, not ''%s''.', strjoin(known, ', '), name);
end
value = ['PART_INTEGRITY_' upper(name)];
end
