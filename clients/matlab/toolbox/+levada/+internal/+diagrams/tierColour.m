function colour = tierColour(tier)
%TIERCOLOUR Return the colour of a tier in diagrams, as '#rrggbb'.

switch tier
    case 'lookup'
        colour = '#7f8c8d';
    case 'manual'
        colour = '#27ae60';
    case 'imported'
        colour = '#2980b9';
    case 'computed'
        colour = '#c0392b';
    otherwise
        colour = '#8e6b3d';
end
end
