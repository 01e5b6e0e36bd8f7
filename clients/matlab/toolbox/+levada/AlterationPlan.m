classdef AlterationPlan
%ALTERATIONPLAN Changes that a table needs to have the definition of its class.
%
%   plan = alter(lab.Session, 'DryRun', true)
%   plan.confirm()    makes exactly these changes, or fails with levada:PlanChanged if the table has changed since
%
%   See also levada.Table/alter

    properties (SetAccess = private)
        Changes = {}  % cell row of texts, one for each change; empty if there are none
        Digest = ''   % identifies exactly these changes
    end

    properties (Hidden, SetAccess = private)
        Table
        Request
    end

    methods
        function self = AlterationPlan(table, named)
            %ALTERATIONPLAN Ask the server for the plan.
            %
            %   named  the options of levada.Table/alter
            definition = levada.internal.inputs.plainText(named.Definition);
            if isempty(definition)
                definition = levada.internal.schema.definitionOf(table);
            elseif ~ischar(definition)
                definition = strjoin(reshape(cellstr(definition), 1, []), char(10));
            end
            if isempty(strtrim(definition))
                levada.internal.errors.fail('InvalidRequest', ...
                    '%s has no definition here; pass one by ''Definition'', or alter it through a class that has one.', ...
                    fullTableName(table));
            end
            self.Table = table;
            request = struct('name', tableName(table), 'definition', definition);
            request.references = levada.internal.schema.references(definition, table);
            request.renames = cellfun(@(new) struct('key', new, 'value', named.Rename.(new)), ...
                reshape(fieldnames(named.Rename), 1, []), 'UniformOutput', false);
            if ~isempty(named.NewName)
                request.new_name = withMaster(request.name.table, named.NewName);
            end
            if ~isa(table, 'levada.FreeTable')
                request.tier = levada.internal.schema.tierOf(table);
            end
            self.Request = request;
            response = levada.internal.api.planAlteration(conn(table), request);
            if isfield(response, 'changes')
                self.Changes = reshape(response.changes, 1, []);
            end
            self.Digest = response.digest;
        end

        function confirm(self)
            %CONFIRM Make the changes of the plan.
            request = self.Request;
            request.digest = self.Digest;
            request.request_id = levada.internal.calls.gateway('requestId');
            levada.internal.api.alterTable(conn(self.Table), request);
            forgetDeclaration(self.Table);
        end

        function text = lines(self)
            %LINES Return the plan as a cell of lines.
            text = [{sprintf('About to alter %s:', fullTableName(self.Table))}, strcat({'  '}, self.Changes)];
        end

        function disp(self)
            %DISP Show the plan.
            if isempty(self.Changes)
                fprintf('Nothing to alter.\n');
            else
                shown = lines(self);
                fprintf('%s\n', shown{:});
            end
        end
    end
end

function name = withMaster(name, newName)
% The new name of a part stands behind its master's.
dot = find(name == '.', 1, 'last');
name = [name(1:dot) newName];
if isempty(dot)
    name = newName;
end
end
