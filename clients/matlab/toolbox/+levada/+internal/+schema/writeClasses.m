function paths = writeClasses(schema)
%WRITECLASSES Write a class file into a schema's package for each table that has none there.
%
%   paths = writeClasses(schema)   returns the files that were written as a cell row

location = which([schema.package '.getSchema']);
if isempty(location)
    levada.internal.errors.fail('InvalidRequest', ...
        'The schema `%s` has no package on the path to write classes to; see help levada.createSchema.', schema.dbname);
end
paths = {};
for found = schema.tables()
    table = found{1};
    simple = strrep(table.name.table, '.', '');
    file = fullfile(fileparts(location), [simple '.m']);
    if ~exist(file, 'file')
        levada.internal.schema.writeText(file, classLines(table, simple, schema.package));
        paths{end + 1} = file; %#ok<AGROW>
    end
end
end

function lines = classLines(table, simple, package)
tier = regexprep(table.tier, '^TABLE_TIER_', '');
base = [tier(1) lower(tier(2:end))];
definition = inPackage(strtrim(table.definition), table, package);
lines = {'%{', definition, '%}', '', sprintf('classdef %s < levada.%s', simple, base)};
dot = find(table.name.table == '.', 1, 'last');
if ~isempty(dot)
    master = strrep(table.name.table(1:dot - 1), '.', '');
    lines = [lines, {'    properties (SetAccess = protected)', sprintf('        master = %s.%s', package, master), ...
        '    end'}];
elseif any(strcmp(base, {'Imported', 'Computed'}))
    lines = [lines, {'    methods', '        function make(self, key)', ...
        '            % Compute the entity of this key, and insert it.', ...
        sprintf('            error(''levada:InvalidRequest'', ''%s has no make yet.'')', simple), '        end', ...
        '    end'}];
end
lines{end + 1} = 'end';
end

function definition = inPackage(definition, table, package)
% References within the schema are written as classes of the package.
for name = levada.internal.schema.writtenReferences(definition)
    written = name{1};
    if strcmp(written, 'master')
        dot = find(table.name.table == '.', 1, 'last');
        target = [package '.' strrep(table.name.table(1:dot - 1), '.', '')];
    else
        own = regexprep(written, ['^' table.name.schema '\.'], '');
        if any(strcmp(strtok(own, '.'), {lower(strtok(own, '.'))}))
            continue  % of another schema
        end
        target = [package '.' strrep(own, '.', '')];
    end
    definition = regexprep(definition, ['(->\s*(?:\[[^\]]*\]\s*)?)' regexptranslate('escape', written) '(?![\w.])'], ...
        ['$1' target]);
end
end
