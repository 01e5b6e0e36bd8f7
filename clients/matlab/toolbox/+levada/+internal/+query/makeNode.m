function made = makeNode(list, arm, body, uses)
%MAKENODE Make one operator or condition of an expression.
%
%   made = makeNode('nodes', arm, body, uses)       an operator
%   made = makeNode('conditions', arm, body, uses)  a condition
%
%   arm   the name of its field in relation.proto
%   body  its message, without the indices of the nodes that it refers to
%   uses  n-by-2 cell: the name of the field that takes an index, and the node that it refers to. A name that comes
%         again is a repeated field; an empty name stands for the message itself.
%
%   The number of a node identifies it: one that is used twice is sent once.

persistent count
if isempty(count)
    count = 0;
    mlock  % two nodes with the same number would count as one node
end
count = count + 1;
if nargin < 4
    uses = cell(0, 2);
end
made = struct('id', count, 'list', list, 'arm', arm);
made.body = body;
made.uses = uses;
end
