function entries = references(definition, table)
%REFERENCES Return the table that each name after an arrow of a definition stands for, in the form of the protocol.
%
%   table  an instance of the class that the definition belongs to

package = levada.internal.schema.splitName(class(table));
written = levada.internal.schema.writtenReferences(definition);
entries = {};
for index = 1:numel(written)
    name = written{index};
    if strcmp(name, 'master') && isa(table, 'levada.Part')
        target = class(levada.internal.schema.masterOf(table));
    elseif any(name == '.')
        target = name;
    else
        target = [package '.' name];
    end
    if ~isempty(which(target))
        found = levada.internal.schema.tableName(struct('class', target));
        entries{end + 1} = struct('key', name, 'value', found); %#ok<AGROW>
    else
        entries = [entries, withoutClass(name)]; %#ok<AGROW>
    end
end
end

function entry = withoutClass(name)
% Return a table without a class here, in the schema of a package, or in a schema of that name. The server looks up all
% others.
entry = {};
dots = find(name == '.');
if ~isempty(dots)
    schema = name(1:dots(1) - 1);
    if ~isempty(which([schema '.getSchema']))
        found = feval([schema '.getSchema']);
        schema = found.dbname;
    elseif any(schema ~= lower(schema))
        return  % Session.Trial, of this schema
    end
    value = struct('schema', schema, 'table', name(dots(1) + 1:end));
    entry = {struct('key', name, 'value', value)};
end
end
