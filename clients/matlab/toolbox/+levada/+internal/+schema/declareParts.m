function declareParts(table)
%DECLAREPARTS Declare a table and the parts that have classes beside its own.
%
%   The first rows that a make inserts may be theirs, and nothing is declared in its transaction.

tableName(table);
file = which(class(table));
if isempty(file)
    return
end
[folder, simple] = fileparts(file);
package = levada.internal.schema.splitName(class(table));
for found = dir(fullfile(folder, [simple '*.m']))'
    [~, name] = fileparts(found.name);
    if strcmp(name, simple)
        continue
    end
    part = feval([package '.' name]);
    if isa(part, 'levada.Part') && isa(levada.internal.schema.masterOf(part), class(table))
        levada.internal.schema.declareParts(part);
    end
end
end
