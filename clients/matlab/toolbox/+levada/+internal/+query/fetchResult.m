function [result, exact] = fetchResult(relation, inputs)
%FETCHRESULT Fetch the columns that the arguments of a fetch ask for.
%
%   [result, exact] = fetchResult(relation, inputs)
%
%   inputs  the arguments of levada.Relation/fetch
%   result  a struct with row_count, primary_key (cell of names) and columns (cell; see
%           levada.internal.rows.decodeColumns)
%   exact   the option 'Exact'

[words, exact] = levada.internal.inputs.takeOption(inputs, 'Exact', false);
[words, top] = levada.internal.query.readOrder(words);
[words, extra] = withOrdering(words, top);
if ~isequal(words, {'*'})
    relation = proj(relation, words{:});
end
root = node(relation);
if ~isempty(top)
    root = levada.internal.query.topNode(root, top);
end
connection = levada.internal.query.connectionOf(root);
request = struct('relation', levada.internal.query.encodeRelation(root));
result = connection.fetchColumns(request, exact);
for index = 1:numel(result.columns)
    result.columns(index).connection = [];
    if strcmp(levada.internal.values.typeKind(result.columns(index).type), 'object')
        result.columns(index).connection = connection;  % reads what lies in a store
    end
end
result.columns = num2cell(reshape(result.columns, 1, []));
isExtra = cellfun(@(c) any(strcmp(c.name, extra)) && ~any(strcmp(c.name, result.primary_key)), result.columns);
result.columns = result.columns(~isExtra);
end

function [words, extra] = withOrdering(words, top)
% The attributes of the order are fetched too, and left out of the result.
extra = {};
if isempty(top) || any(cellfun(@(w) isequal(w, '*'), words))
    return
end
texts = words(cellfun(@ischar, words));
known = cellfun(@levada.internal.query.projectedName, texts, 'UniformOutput', false);
for term = reshape(top.order, 1, [])
    name = strrep(regexp(term{1}, '^\S*', 'match', 'once'), '`', '');
    if ~any(strcmpi(name, [known, {'KEY'}]))
        extra{end + 1} = name; %#ok<AGROW>
    end
end
words = [words, extra];
end
