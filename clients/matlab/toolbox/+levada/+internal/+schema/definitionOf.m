function definition = definitionOf(table)
%DEFINITIONOF Return the definition of a table's class: its property `definition`, or the first comment of its file.
%
%   The property is text, or a cell of lines. The comment is a block:
%       %{
%       # an animal
%       subject_id : int32
%       %}
%       classdef Subject < levada.Manual
%
%   Before it there may be comments of single lines, and the classdef line.
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
    definition = leadingComment(strrep(levada.internal.inputs.readText(file), char([13 10]), char(10)));
end
end

function definition = leadingComment(text)
% Return the first block of comment, if only comments of single lines and the classdef line are before it.
definition = '';
for mark = {[239 187 191], 65279}  % of the byte order, as bytes or as a letter
    if isequal(double(text(1:min(numel(mark{1}), end))), mark{1})
        text = text(numel(mark{1}) + 1:end);
    end
end
lines = strsplit(text, char(10));
trimmed = strtrim(lines);
first = find(strcmp(trimmed, '%{'), 1);
if isempty(first) || ~all(cellfun(@isBefore, trimmed(1:first - 1), [{''}, trimmed(1:first - 2)]))
    return
end
last = find(strcmp(trimmed(first + 1:end), '%}'), 1);
if isempty(last)
    return
end
definition = strjoin(lines(first + 1:first + last - 1), char(10));
% The oldest form begins with the name and tier of the table, which the class states already.
definition = regexprep(definition, '^\s*[\w.]+\s*\(\s*\w+\s*\)\s*(?=#|\n|$)', '');
end

function answer = isBefore(line, lineBefore)
isContinued = ~isempty(regexp(lineBefore, '^(?!%).*\.\.\.', 'once'));
answer = isempty(line) || line(1) == '%' || isContinued || ~isempty(regexp(line, '^classdef\>', 'once'));
end
