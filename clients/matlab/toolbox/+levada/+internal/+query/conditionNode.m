function made = conditionNode(condition, semanticCheck)
%CONDITIONNODE Turn a condition, as it stands after `&` or `-`, into a node of the protocol.
%
%   made = conditionNode(condition)
%   made = conditionNode(condition, semanticCheck)
%
%   condition      text, true or false, a struct (equalities), a struct array (any of them), a cell (all of them; the
%                  word 'not' negates the next), a query, levada.Not, or a table
%   semanticCheck  false: queries match on names alone
%
%   See also levada.Relation/and

if nargin < 2
    semanticCheck = true;
end
condition = levada.internal.inputs.plainText(condition);
if isa(condition, 'levada.Relation')
    made = levada.internal.query.makeNode('conditions', 'relation', unchecked(semanticCheck), {'node', ...
        condition.node()});
elseif isa(condition, 'levada.Not')
    inner = levada.internal.query.conditionNode(condition.Condition, semanticCheck);
    made = levada.internal.query.makeNode('conditions', 'complement', [], {'', inner});
elseif isa(condition, 'levada.AnyOf')
    made = levada.internal.query.makeNode('conditions', 'any', struct(), listed(condition.Conditions, semanticCheck));
elseif isa(condition, 'levada.Top')
    levada.internal.errors.fail('InvalidRequest', ...
        'levada.Top restricts a query by itself, as in query & levada.Top(5), not in a cell or after a minus.');
elseif islogical(condition) && isscalar(condition)
    made = levada.internal.query.makeNode('conditions', 'constant', condition);
elseif ischar(condition)
    made = levada.internal.query.makeNode('conditions', 'expression', struct('text', condition));
elseif isstruct(condition)
    made = structNode(condition);
elseif iscell(condition)
    made = levada.internal.query.makeNode('conditions', 'all', struct(), listed(negations(condition), semanticCheck));
elseif levada.internal.values.isTable(condition)
    made = structNode(table2struct(condition));
else
    levada.internal.errors.fail('InvalidRequest', ...
        ['A query cannot be restricted by a value of class %s: text, true or ' ...
        'false, a struct, a struct array, a cell, a query, levada.Not, levada.Top or levada.U may stand here.'], ...
        class(condition));
end
end

function body = unchecked(semanticCheck)
body = struct();
if ~semanticCheck
    body.unchecked = true;
end
end

function made = structNode(condition)
manyMappings = 64;  % from here on they are sent as one table of values, because the number of conditions is limited
if isscalar(condition)
    made = mappingNode(condition);
    return
end
if numel(condition) >= manyMappings
    columns = levada.internal.query.conditionColumns(condition);
    if ~isempty(columns)
        pieces = levada.internal.rows.encodeColumns(columns);
        made = levada.internal.query.makeNode('conditions', 'entities', struct('arrow_ipc', [pieces{:}]));
        return
    end
end
uses = cell(numel(condition), 2);
for index = 1:numel(condition)
    uses(index, :) = {'conditions', mappingNode(condition(index))};
end
made = levada.internal.query.makeNode('conditions', 'any', struct(), uses);
end

function made = mappingNode(condition)
names = fieldnames(condition);
entries = cell(1, numel(names));
for index = 1:numel(names)
    value = levada.internal.values.conditionValue(condition.(names{index}), sprintf('attribute `%s`', names{index}));
    entries{index} = struct('name', names{index}, 'value', {value});
end
made = levada.internal.query.makeNode('conditions', 'mapping', struct('entries', {entries}));
end

function conditions = negations(conditions)
% Replace the word 'not' and the next condition by a levada.Not.
isWord = cellfun(@(c) ischar(c) && strcmpi(strtrim(c), 'not'), conditions);
for index = fliplr(find(isWord(:)'))
    if index == numel(conditions)
        levada.internal.errors.fail('InvalidRequest', ...
            'The word ''not'' ends a cell of conditions; it negates the next one.');
    end
    conditions{index + 1} = levada.Not(conditions{index + 1});
    conditions(index) = [];
end
end

function uses = listed(conditions, semanticCheck)
uses = cell(numel(conditions), 2);
for index = 1:numel(conditions)
    uses(index, :) = {'conditions', levada.internal.query.conditionNode(conditions{index}, semanticCheck)};
end
end
