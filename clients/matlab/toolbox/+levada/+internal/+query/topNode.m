function made = topNode(operand, top)
%TOPNODE Make the node of the first entities of an operand.
%
%   made = topNode(operand, top)
%
%   operand  a node
%   top      a struct with `limit` ([] for all), `order` (cell of terms) and `offset`

body = struct('order', {reshape(top.order, 1, [])}, 'offset', top.offset);
if ~isempty(top.limit)
    body.limit = top.limit;
end
made = levada.internal.query.makeNode('nodes', 'top', body, {'operand', operand});
end
