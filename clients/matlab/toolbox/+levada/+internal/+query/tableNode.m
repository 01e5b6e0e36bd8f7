function root = tableNode(root)
%TABLENODE Return the node of the table that a relation restricts.

while any(strcmp(root.arm, {'restrict', 'top'}))
    root = root.uses{1, 2};
end
end
