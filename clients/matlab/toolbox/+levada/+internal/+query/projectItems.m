function items = projectItems(words)
%PROJECTITEMS Turn the words of a projection into items of the protocol.
%
%   items = projectItems({'a', 'old->new', 'expression->c', '*', '-b'})
%
%   See also levada.Relation/proj

items = cell(1, numel(words));
for index = 1:numel(words)
    word = levada.internal.inputs.plainText(words{index});
    if ~ischar(word)
        levada.internal.errors.fail('InvalidRequest', ...
            'An attribute is named by text, such as ''a'', ''old->new'' or ''expression->new'', not by a %s.', ...
            class(word));
    end
    items{index} = itemOf(strtrim(word));
end
end

function item = itemOf(word)
arrow = strfind(word, '->');
if strcmp(word, '*')
    item = struct('remaining', true);
elseif ~isempty(arrow)
    expression = struct('text', strtrim(word(1:arrow(end) - 1)));
    name = strtrim(word(arrow(end) + 2:end));
    item = struct('named', struct('name', name, 'expression', expression));
elseif ~isempty(word) && word(1) == '-'
    item = struct('excluded', strtrim(word(2:end)));
else
    item = struct('attribute', word);
end
end
