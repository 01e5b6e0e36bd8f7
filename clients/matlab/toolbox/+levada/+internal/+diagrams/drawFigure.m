function drawFigure(layout)
%DRAWFIGURE Draw a layout of levada.internal.diagrams.layOut as a figure.

figure('Name', 'Levada', 'NumberTitle', 'off', 'Color', 'w');
area = axes('YDir', 'reverse', 'Visible', 'off', 'DataAspectRatio', [1 1 1]);
hold(area, 'on');
for frame = layout.frames
    place = frame{1}.place;
    rectangle(area, 'Position', place, 'FaceColor', [0.965 0.973 0.98], 'EdgeColor', [0.82 0.85 0.88]);
    text(place(1) + 12, place(2) + 14, frame{1}.schema, 'Parent', area, 'Color', [0.35 0.39 0.43], ...
        'FontWeight', 'bold', 'Interpreter', 'none');
end
for line = layout.lines
    styles = {'-', 1};
    if strcmp(line{1}.strength, 'secondary')
        styles = {'--', 1};
    elseif strcmp(line{1}.strength, 'extends')
        styles = {'-', 2.5};
    end
    points = curve(line{1}.points);
    plot(area, points(:, 1), points(:, 2), styles{1}, 'LineWidth', styles{2}, 'Color', [0.49 0.52 0.56]);
end
for box = layout.boxes
    [edge, fill] = levada.internal.diagrams.tierColour(box{1}.tier);
    place = box{1}.place;
    rectangle(area, 'Position', place, 'FaceColor', colour(fill), 'EdgeColor', colour(edge), 'Curvature', 0.1);
    texts = [{box{1}.label}, box{1}.parts];
    if ~isempty(box{1}.count)
        texts{end + 1} = box{1}.count; %#ok<AGROW>
    end
    for row = 1:numel(texts)
        text(place(1) + place(3) / 2, place(2) + 14 + 15 * (row - 1), texts{row}, 'Parent', area, ...
            'HorizontalAlignment', 'center', 'Interpreter', 'none');
    end
end
end

function points = curve(corners)
% Return points along a chain of cubic curves.
t = linspace(0, 1, 12)';
weights = [(1 - t) .^ 3, 3 * (1 - t) .^ 2 .* t, 3 * (1 - t) .* t .^ 2, t .^ 3];
points = corners(1, :);
for index = 1:3:size(corners, 1) - 1
    points = [points; weights * corners(index:index + 3, :)]; %#ok<AGROW>
end
end

function rgb = colour(text)
rgb = sscanf(text(2:end), '%2x')' / 255;
end
