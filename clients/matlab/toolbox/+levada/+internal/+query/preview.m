function preview(relation)
%PREVIEW Show the first entities of a relation, key attributes marked, blobs left out.

limit = levada.config('displayLimit');
attributes = header(relation);
isShown = cellfun(@(t) ~any(strcmp(levada.internal.values.typeKind(t), {'blob', 'bytes', 'array', 'object'})), ...
    {attributes.type});
[result, ~] = levada.internal.query.fetchResult(relation, [{attributes(isShown).name}, ...
    {sprintf('LIMIT %d', limit + 1)}]);
columns = cell(1, numel(attributes));
titles = {attributes.name};
titles([attributes.iskey]) = strcat('*', titles([attributes.iskey]));
for index = 1:numel(attributes)
    texts = repmat({'=BLOB='}, min(double(result.row_count), limit), 1);
    if isShown(index)
        at = strcmp(levada.internal.rows.columnNames(result), attributes(index).name);
        values = levada.internal.rows.listedValues(result.columns{at}, false);
        texts = cellfun(@shortText, values(1:numel(texts)), 'UniformOutput', false);
    end
    columns{index} = padded([titles(index); texts]);
end
fprintf('  %s\n\n', class(relation));
if ~isempty(columns)
    lines = columns{1};
    for index = 2:numel(columns)
        lines = strcat(lines, {'  '}, columns{index});
    end
    fprintf('  %s\n', lines{:});
end
if result.row_count > limit
    fprintf('  ...\n');
end
if levada.config('displayCount')
    fprintf('\n  %d entities\n', count(relation));
end
end

function text = shortText(value)
mostLetters = 24;
if ischar(value)
    text = levada.internal.values.printable(strrep(value, char(10), ' '));
elseif isempty(value)
    text = 'NULL';
elseif isfloat(value) && isscalar(value) && value == fix(value) && abs(value) < flintmax
    text = sprintf('%d', value);
elseif isfloat(value) && isscalar(value)
    text = num2str(value, 8);
elseif islogical(value) && isscalar(value)
    text = mat2str(value);
else
    text = levada.internal.values.shownJson(value);
end
if numel(text) > mostLetters
    text = [text(1:mostLetters - 1) '~'];
end
end

function texts = padded(texts)
width = max(cellfun(@numel, texts));
texts = cellfun(@(t) [t, repmat(' ', 1, width - numel(t))], texts, 'UniformOutput', false);
end
