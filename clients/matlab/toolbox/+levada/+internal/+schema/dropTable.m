function dropTable(connection, name, prompt)
%DROPTABLE Drop a table and all that depend on it; with `prompt`, show the plan and ask first.

plan = levada.internal.api.planDrop(connection, struct('names', {{name}}));
lines = {'About to drop:'};
for found = plan.tables
    number = 0;
    if isfield(found{1}, 'entity_count')
        number = found{1}.entity_count;
    end
    lines{end + 1} = sprintf('  %s (%d entities)', levada.internal.schema.fullName(found{1}.name), number); %#ok<AGROW>
end
if levada.internal.inputs.confirm(lines, 'Proceed?', prompt)
    request = struct('names', {{name}}, 'digest', plan.digest, 'request_id', ...
        levada.internal.calls.gateway('requestId'));
    levada.internal.api.dropTables(connection, request);
end
end
