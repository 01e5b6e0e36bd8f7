function [words, top] = readOrder(inputs)
%READORDER Split the order and limit off the end of the inputs of a fetch.
%
%   [words, top] = readOrder(inputs)
%
%   inputs  cell of words of a projection, which may end with 'ORDER BY a, b DESC LIMIT 5 OFFSET 2' or a part of that,
%           a number (the limit), or two (offset and limit)
%   words   the inputs before them
%   top     a struct as `levada.internal.query.topNode` takes it, or []

words = reshape(inputs, 1, []);
top = [];
numbers = {};
while ~isempty(words) && isnumeric(words{end}) && isscalar(words{end}) && numel(numbers) < 2
    numbers = [words(end), numbers]; %#ok<AGROW>
    words(end) = [];
end
if ~isempty(numbers)
    top = struct('limit', numbers{end}, 'order', {{}}, 'offset', 0);
    if numel(numbers) == 2
        top.offset = numbers{1};
    end
end
clauses = {};
while ~isempty(words) && isClause(words{end})
    clauses = [{strtrim(levada.internal.inputs.plainText(words{end}))}, clauses]; %#ok<AGROW>
    words(end) = [];
end
if ~isempty(clauses)
    top = parsedClause(strjoin(clauses, ' '), top);
end
end

function answer = isClause(word)
word = levada.internal.inputs.plainText(word);
answer = ischar(word) && any(word == ' ') && ~isempty(regexpi(word, '^\s*(ORDER\s+BY|LIMIT|OFFSET)\s', 'once'));
end

function top = parsedClause(text, top)
pattern = '^(?:ORDER\s+BY\s+(?<order>.+?))?\s*(?:LIMIT\s+(?<limit>\d+(?:\s*,\s*\d+)?))?\s*(?:OFFSET\s+(?<offset>\d+))?$';
found = regexpi(text, pattern, 'names');
if isempty(found)
    levada.internal.errors.fail('InvalidRequest', ...
        'Expected ''ORDER BY a, b DESC LIMIT 5 OFFSET 2'' or a part of it, not ''%s''.', text);
end
if isempty(top)
    top = struct('limit', [], 'order', {{}}, 'offset', 0);
end
if ~isempty(found.order)
    top.order = strtrim(strsplit(found.order, ','));
end
limits = str2double(strsplit(found.limit, ','));
if ~any(isnan(limits))
    top.limit = limits(end);
    if numel(limits) == 2  % LIMIT offset, count
        top.offset = limits(1);
    end
end
if ~isempty(found.offset)
    top.offset = str2double(found.offset);
end
end
