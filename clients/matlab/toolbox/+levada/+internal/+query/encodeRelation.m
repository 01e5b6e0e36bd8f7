function relation = encodeRelation(root)
%ENCODERELATION Turn an expression into the flat list of the protocol: operands before users, the result last.
%
%   relation = encodeRelation(root)
%
%   root  the node of the result, as `levada.internal.query.makeNode` makes it. Tables that it names by
%         their class are declared first, if they are not yet.
%
%   See also levada.internal.query.makeNode

nodes = {};
conditions = {};
laid = zeros(0, 2);  % number and index of each node; a search in so few takes less time than a containers.Map
% Depth first with a list: expressions may be deeper than calls of functions can be. The server limits the depth.
pending = {root};
while ~isempty(pending)
    current = pending{end};
    missing = missingOperands(current, laid);
    if any(laid(:, 1) == current.id)
        pending(end) = [];
    elseif ~isempty(missing)
        pending = [pending, missing]; %#ok<AGROW>
    else
        pending(end) = [];
        message = struct(current.arm, {withIndices(resolved(current), current.uses, laid)});
        if strcmp(current.list, 'nodes')
            nodes{end + 1} = message; %#ok<AGROW>
            laid(end + 1, :) = [current.id, numel(nodes) - 1]; %#ok<AGROW>
        else
            conditions{end + 1} = message; %#ok<AGROW>
            laid(end + 1, :) = [current.id, numel(conditions) - 1]; %#ok<AGROW>
        end
    end
end
relation = struct('nodes', {nodes}, 'conditions', {conditions});
end

function missing = missingOperands(current, laid)
missing = {};
for row = size(current.uses, 1):-1:1
    if ~any(laid(:, 1) == current.uses{row, 2}.id)
        missing{end + 1} = current.uses{row, 2}; %#ok<AGROW>
    end
end
end

function body = resolved(current)
body = current.body;
if isstruct(body) && isfield(body, 'reference')
    name = levada.internal.schema.tableName(body.reference);
    body = rmfield(body, 'reference');
    body.name = name;
end
end

function body = withIndices(body, uses, laid)
for row = 1:size(uses, 1)
    [field, used] = uses{row, :};
    index = laid(laid(:, 1) == used.id, 2);
    if isempty(field)
        body = index;
    elseif isfield(body, field)
        body.(field)(end + 1) = index;
    else
        body.(field) = index;
    end
end
end
