function root = tableNode(root)
% tableNode  Give the table below the restrictions of a relation that is one.

while any(strcmp(root.arm, {'restrict', 'top'}))
    root = root.uses{1, 2};
end
end
