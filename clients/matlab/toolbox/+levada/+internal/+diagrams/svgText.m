function text = svgText(layout)
%SVGTEXT Write a layout of levada.internal.diagrams.layOut as SVG, on a white ground.

margin = 16;
width = layout.width + 2 * margin;
height = layout.height + 2 * margin;
lines = {
    sprintf('<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="%d %d %.0f %.0f">', ...
        width, height, -margin, -margin, width, height)
    ['<style>text{font:13px Helvetica,Arial,sans-serif;fill:#1f2328}.part{font-size:11px;fill:#59636e}' ...
        '.count{font-size:11px}.schema{font-size:12px;font-weight:bold;fill:#59636e}.line{fill:none;stroke:#7d8590}</style>']
    sprintf('<rect x="%d" y="%d" width="%.0f" height="%.0f" fill="#fff"/>', -margin, -margin, width, height)};
for frame = layout.frames
    lines{end + 1, 1} = rectangle(frame{1}.place, 10, '#f6f8fa', '#d1d9e0'); %#ok<AGROW>
end
for line = layout.lines
    lines{end + 1, 1} = pathOf(line{1}); %#ok<AGROW>
end
for frame = layout.frames
    lines{end + 1, 1} = sprintf('<text class="schema" x="%.1f" y="%.1f">%s</text>', frame{1}.place(1) + 12, ...
        frame{1}.place(2) + 18, frame{1}.schema); %#ok<AGROW>
end
for box = layout.boxes
    lines{end + 1, 1} = boxText(box{1}); %#ok<AGROW>
end
lines{end + 1, 1} = '</svg>';
text = strjoin(lines', char(10));
end

function text = boxText(box)
[edge, fill] = levada.internal.diagrams.tierColour(box.tier);
texts = [{box.label}, box.parts];
if ~isempty(box.count)
    texts{end + 1} = box.count;
end
pieces = {sprintf('<g><title>%s: %s</title>', box.tier, escaped(box.comment)), rectangle(box.place, 6, fill, edge)};
for row = 1:numel(texts)
    style = '';
    if row > 1 + numel(box.parts)
        style = ' class="count"';
    elseif row > 1
        style = ' class="part"';
    end
    pieces{end + 1} = sprintf('<text%s x="%.1f" y="%.1f" text-anchor="middle">%s</text>', style, ...
        box.place(1) + box.place(3) / 2, box.place(2) + 18 + 15 * (row - 1), escaped(texts{row})); %#ok<AGROW>
end
text = strjoin([pieces, {'</g>'}], char(10));
end

function text = rectangle(place, radius, fill, edge)
text = sprintf('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%d" fill="%s" stroke="%s"/>', place, radius, ...
    fill, edge);
end

function text = pathOf(line)
style = ' stroke-width="1.3"';
if strcmp(line.strength, 'extends')
    style = ' stroke-width="2.6"';
elseif strcmp(line.strength, 'secondary')
    style = [style ' stroke-dasharray="5 4"'];
end
curves = sprintf('C%.1f %.1f %.1f %.1f %.1f %.1f', line.points(2:end, :)');
text = sprintf('<path class="line" d="M%.1f %.1f%s"%s/>', line.points(1, :), curves, style);
end

function text = escaped(text)
text = strrep(strrep(strrep(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;');
end
