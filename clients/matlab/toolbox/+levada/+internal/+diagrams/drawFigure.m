function drawFigure(boxes)
%DRAWFIGURE Draw the boxes of levada.internal.diagrams.placeBoxes as a figure.

lineHeight = 18;
figure('Name', 'Levada', 'NumberTitle', 'off', 'Color', 'w');
area = axes('YDir', 'reverse', 'Visible', 'off', 'DataAspectRatio', [1 1 1]);
hold(area, 'on');
styles = {'--', '-'};
for edge = boxes.edges'
    step = linspace(0, 1, 20);
    from = [boxes.x(edge(1)), boxes.y(edge(1)) + boxes.heights(edge(1))];
    to = [boxes.x(edge(2)), boxes.y(edge(2))];
    smooth = (1 - cos(pi * step)) / 2;
    plot(area, from(1) + (to(1) - from(1)) * smooth, from(2) + (to(2) - from(2)) * step, styles{edge(3) + 1}, ...
        'Color', [0.5 0.5 0.5]);
end
for index = 1:numel(boxes.names)
    colour = levada.internal.diagrams.tierColour(boxes.tiers{index});
    rgb = sscanf(colour(2:end), '%2x')' / 255;
    rectangle(area, 'Position', [boxes.x(index) - boxes.widths(index) / 2, boxes.y(index), boxes.widths(index), ...
        boxes.heights(index)], 'FaceColor', 1 - 0.18 * (1 - rgb), 'EdgeColor', rgb, 'Curvature', 0.1);
    labels = [boxes.names(index), boxes.parts{index}];
    for row = 1:numel(labels)
        text(boxes.x(index), boxes.y(index) + lineHeight * row - 4, labels{row}, 'Parent', area, ...
            'HorizontalAlignment', 'center', 'Interpreter', 'none');
    end
end
end
