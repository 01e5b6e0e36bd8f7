function definition = definitionOf(table)
%DEFINITIONOF Return the definition of a table's class: its property `definition`, or the comment that begins its file.
%
%   The property is text, or a cell of lines. The comment is a block:
%       %{
%       # an animal
%       subject_id : int32
%       %}
%       classdef Subject < levada.Manual
%
%   The definition is empty if the class has neither.

definition = '';
if isprop(table, 'definition')
    definition = table.definition;
    if isa(definition, 'string')
        definition = cellstr(definition);
    end
    if iscell(definition)
        definition = strjoin(reshape(definition, 1, []), char(10));
    end
    return
end
file = which(class(table));
if ~isempty(file)
    definition = leadingComment(strrep(fileread(file), char([13 10]), char(10)));
end
end

function definition = leadingComment(text)
found = regexp(text, '^\s*%\{[ \t]*\n(.*?)\n?[ \t]*%\}', 'tokens', 'once');
definition = '';
if ~isempty(found)
    % The oldest form begins with the name and tier of the table, which the class states already.
    definition = regexprep(found{1}, '^\s*[\w.]+\s*\(\s*\w+\s*\)\s*(?=#|\n|$)', '');
end
end
