function text = svgText(boxes)
%SVGTEXT Write a layout of levada.internal.diagrams.placeBoxes as SVG.

lineHeight = 18;
width = max([boxes.x + boxes.widths / 2, 0]) + 20;
height = max([boxes.y + boxes.heights, 0]) + 20;
lines = {
    sprintf('<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">', ...
        width, height, width, height)
    '<style>text{font:13px sans-serif}.part{font-size:11px;fill-opacity:.75}.edge{fill:none;stroke:#888}</style>'};
for edge = boxes.edges'
    lines{end + 1, 1} = edgePath(boxes, edge); %#ok<AGROW>
end
for index = 1:numel(boxes.names)
    colour = levada.internal.diagrams.tierColour(boxes.tiers{index});
    left = boxes.x(index) - boxes.widths(index) / 2;
    lines{end + 1, 1} = sprintf('<g><title>%s: %s</title>', boxes.tiers{index}, ...
        escaped(boxes.comments{index})); %#ok<AGROW>
    lines{end + 1, 1} = sprintf(['<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="5" fill="%s" ' ...
        'fill-opacity=".18" stroke="%s"/>'], left, boxes.y(index), boxes.widths(index), boxes.heights(index), ...
        colour, colour); %#ok<AGROW>
    labels = [boxes.names(index), boxes.parts{index}];
    for row = 1:numel(labels)
        style = '';
        if row > 1
            style = ' class="part"';
        end
        lines{end + 1, 1} = sprintf('<text%s x="%.1f" y="%.1f" text-anchor="middle">%s</text>', style, ...
            boxes.x(index), boxes.y(index) + lineHeight * row, escaped(labels{row})); %#ok<AGROW>
    end
    lines{end + 1, 1} = '</g>'; %#ok<AGROW>
end
lines{end + 1, 1} = '</svg>';
text = strjoin(lines', char(10));
end

function path = edgePath(boxes, edge)
from = [boxes.x(edge(1)), boxes.y(edge(1)) + boxes.heights(edge(1))];
to = [boxes.x(edge(2)), boxes.y(edge(2))];
middle = (from(2) + to(2)) / 2;
dashes = '';
if ~edge(3)
    dashes = ' stroke-dasharray="5 4"';
end
path = sprintf('<path class="edge" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"%s/>', ...
    from, from(1), middle, to(1), middle, to, dashes);
end

function text = escaped(text)
text = strrep(strrep(strrep(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;');
end
