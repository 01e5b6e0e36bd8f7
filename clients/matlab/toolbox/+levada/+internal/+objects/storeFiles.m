function paths = storeFiles(table, named)
%STOREFILES List files of a store that rows of a table may name; see levada.Table/unchangedFiles.
%
%   named  struct with Folder, Minutes, Pattern and Attribute

isFile = cellfun(@(a) strncmp(a.type, '<filepath@', 10), heading(table));
names = cellfun(@(a) a.name, heading(table), 'UniformOutput', false);
names = names(isFile);
attribute = levada.internal.inputs.plainText(named.Attribute);
if isempty(attribute) && isscalar(names)
    attribute = names{1};
elseif ~any(strcmp(attribute, names))
    levada.internal.errors.fail('InvalidRequest', ...
        'Name the Attribute of type <filepath@...> that holds the files; the table has %s.', ...
        strjoin([strcat('`', names, '`'), repmat({'none'}, 1, isempty(names))], ', '));
end
minutes = levada.internal.inputs.readMinutes(named.Minutes);
request = struct('name', tableName(table), 'attribute', attribute, 'prefix', ...
    levada.internal.inputs.plainText(named.Folder), 'unchanged_duration', levada.internal.values.durationMessage(60 * minutes));
paths = cell(0, 1);
for page = levada.internal.api.listStoreFiles(conn(table), request)
    found = cellfun(@(file) file.path, reshape(page{1}.files, [], 1), 'UniformOutput', false);
    paths = [paths; found(levada.internal.inputs.fitsPattern(regexprep(found, '.*/', ''), named.Pattern))]; %#ok<AGROW>
end
end
