function [edge, fill] = tierColour(tier)
%TIERCOLOUR Return the colours of the boxes of a tier in diagrams, as '#rrggbb'.

switch tier
    case 'lookup'
        [edge, fill] = deal('#7f8c8d', '#eef0f1');
    case 'manual'
        [edge, fill] = deal('#27ae60', '#e2f5ea');
    case 'imported'
        [edge, fill] = deal('#2980b9', '#e1eefa');
    case 'computed'
        [edge, fill] = deal('#c0392b', '#fbe6e3');
    case 'schema'
        [edge, fill] = deal('#7d5fb2', '#ece7f6');
    otherwise
        [edge, fill] = deal('#8e6b3d', '#f4ece2');
end
end
