function declareParts(table)
%DECLAREPARTS Declare a table and its parts with classes in the same package.
%
%   A make may insert rows of a part first, and its transaction cannot declare tables.

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
