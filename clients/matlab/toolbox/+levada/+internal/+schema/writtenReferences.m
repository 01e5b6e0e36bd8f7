function names = writtenReferences(definition)
%WRITTENREFERENCES Return the names after the arrows of a definition as they are written, each once.

joined = regexprep(definition, '\\[ \t]*\n', ' ');
lines = strsplit(joined, char(10));
names = {};
for index = 1:numel(lines)
    found = regexp(lines{index}, '^\s*(?:\([^)]*\)\s*)?->\s*(?:\[[^\]]*\]\s*)?(\w+(?:\.\w+)*)', 'tokens', 'once');
    if ~isempty(found)
        name = regexprep(found{1}, '\.proj$', '');
        if ~any(strcmp(names, name))
            names{end + 1} = name; %#ok<AGROW>
        end
    end
end
end
