function layout = layOut(connection, tables, withCounts)
%LAYOUT Ask the server where the boxes, lines and frames of a diagram stand. Lengths are pixels, from the upper left.
%
%   layout = layOut(connection, tables, withCounts)
%
%   tables  cell of tables in the form of the protocol
%   layout  struct with width, height and
%           boxes   cell of structs: label, tier, comment, parts (cell of names), count (text; '' if none is asked for),
%                   place ([left top width height])
%           lines   cell of structs: points (n-by-2: a start; then two control points and an end for each curve),
%                   strength ('extends', 'primary' or 'secondary')
%           frames  cell of structs: schema, place

names = cellfun(@(t) t.name, tables, 'UniformOutput', false);
response = levada.internal.api.layOutGraph(connection, struct('tables', {names}, ...
    'include_counts', withCounts));
layout = struct('width', 0, 'height', 0, 'boxes', {{}}, 'lines', {{}}, 'frames', {{}});
if isfield(response, 'size')
    size = placeOf(response.size);
    layout.width = size(3);
    layout.height = size(4);
end
counted = containers.Map();
for found = listOf(response, 'counts')
    counted([found{1}.table.schema '.' found{1}.table.table]) = levada.internal.diagrams.countText(found{1});
end
layout.boxes = cellfun(@(b) boxOf(b, counted), listOf(response, 'boxes'), 'UniformOutput', false);
layout.lines = cellfun(@lineOf, listOf(response, 'lines'), 'UniformOutput', false);
layout.frames = cellfun(@(f) struct('schema', f.schema, 'place', placeOf(f.place)), listOf(response, 'frames'), ...
    'UniformOutput', false);
end

function box = boxOf(message, counted)
box = struct('label', message.label, 'tier', 'schema', 'comment', valueOf(message, 'comment', ''), ...
    'parts', {listOf(message, 'parts')}, 'count', '', 'place', placeOf(message.place));
if isKey(counted, message.name)
    box.count = counted(message.name);
end
if isfield(message, 'tier')
    box.tier = lower(regexprep(message.tier, '^TABLE_TIER_', ''));
end
end

function line = lineOf(message)
line = struct('points', zeros(0, 2), 'strength', lower(regexprep(message.strength, '^DIAGRAM_STRENGTH_', '')));
stops = listOf(message, 'stops');
for index = 1:numel(stops)
    x = valueOf(stops{index}, 'across', 0);
    top = valueOf(stops{index}, 'begin', 0);
    bottom = valueOf(stops{index}, 'end', 0);
    if index == 1
        line.points = [x, top];
    else
        before = line.points(end, :);
        middle = (before(2) + top) / 2;
        line.points = [line.points; before(1), middle; x, middle; x, top];
    end
    line.points = [line.points; x, top; x, bottom; x, bottom];
end
end

function place = placeOf(message)
place = [valueOf(message, 'left', 0), valueOf(message, 'top', 0), valueOf(message, 'width', 0), ...
    valueOf(message, 'height', 0)];
end

function values = listOf(message, name)
% Return a repeated field as a cell row.
values = reshape(valueOf(message, name, {}), 1, []);
end

function value = valueOf(message, name, default)
% Return a field, which is missing if it has its default.
value = default;
if isfield(message, name)
    value = message.(name);
end
end
