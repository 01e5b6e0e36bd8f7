function root = classNode(className)
%CLASSNODE Return the node of the table of a class, always the same one, so that it is sent once.

persistent nodes
if isempty(nodes)
    nodes = containers.Map();
end
if ~isKey(nodes, className)
    nodes(className) = levada.internal.query.makeNode('nodes', 'table', struct('reference', ...
        struct('class', className)));
end
root = nodes(className);
end
