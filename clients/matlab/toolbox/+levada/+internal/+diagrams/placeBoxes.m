function boxes = placeBoxes(tables)
%PLACEBOXES Place tables in rows, parents above their children.
%
%   boxes = placeBoxes(tables)
%
%   tables  cell of tables in the form of the protocol, parents first
%   boxes   struct with names (cell of labels), tiers, parts (cell of cells), comments, x, y (middle of the top edge),
%           widths, heights, and edges (k-by-3: parent, child, 1 if the primary key refers)

letterWidth = 7.5;
lineHeight = 18;
gap = struct('column', 24, 'row', 46);
masters = tables(cellfun(@(t) isempty(masterName(t)) || ~ismember(masterName(t), fullNames(tables)), tables));
names = fullNames(masters);
number = numel(masters);
boxes = struct('names', {cell(1, number)}, 'tiers', {cell(1, number)}, 'parts', {cell(1, number)}, ...
    'comments', {cell(1, number)}, 'x', zeros(1, number), 'y', zeros(1, number), 'widths', zeros(1, number), ...
    'heights', zeros(1, number), 'edges', zeros(0, 3));
several = numel(unique(cellfun(@(t) t.name.schema, tables, 'UniformOutput', false))) > 1;
for index = 1:number
    boxes.names{index} = masters{index}.name.table;
    if several
        boxes.names{index} = [masters{index}.name.schema '.' masters{index}.name.table];
    end
    boxes.tiers{index} = lower(regexprep(masters{index}.tier, '^TABLE_TIER_', ''));
    boxes.comments{index} = '';
    if isfield(masters{index}, 'comment')
        boxes.comments{index} = masters{index}.comment;
    end
    isPart = cellfun(@(t) strcmp(masterName(t), names{index}), tables);
    boxes.parts{index} = cellfun(@(t) regexprep(t.name.table, '^.*\.', ''), tables(isPart), 'UniformOutput', false);
    lines = [boxes.names(index), boxes.parts{index}];
    boxes.widths(index) = letterWidth * max(cellfun(@numel, lines)) + 20;
    boxes.heights(index) = lineHeight * numel(lines) + 12;
end
boxes.edges = edgesBetween(tables, names);
rows = rowOf(boxes.edges, number);
y = 20;
for row = 1:max([rows, 0])
    members = ordered(find(rows == row), boxes);
    x = 20;
    for member = members
        boxes.x(member) = x + boxes.widths(member) / 2;
        boxes.y(member) = y;
        x = x + boxes.widths(member) + gap.column;
    end
    y = y + max(boxes.heights(members)) + gap.row;
end
end

function names = fullNames(tables)
names = cellfun(@(t) levada.internal.schema.fullName(t.name), tables, 'UniformOutput', false);
end

function name = masterName(table)
name = '';
dot = find(table.name.table == '.', 1, 'last');
if ~isempty(dot)
    name = levada.internal.schema.fullName(struct('schema', table.name.schema, 'table', table.name.table(1:dot - 1)));
end
end

function edges = edgesBetween(tables, names)
edges = zeros(0, 3);
for found = tables
    child = holder(found{1}, names);
    if isfield(found{1}, 'foreign_keys')
        for key = reshape(found{1}.foreign_keys, 1, [])
            parent = holder(struct('name', key{1}.parent), names);
            if ~isempty(parent) && parent ~= child
                known = find(edges(:, 1) == parent & edges(:, 2) == child, 1);
                solid = isfield(key{1}, 'primary_key') && key{1}.primary_key;
                if isempty(known)
                    edges(end + 1, :) = [parent, child, solid]; %#ok<AGROW>
                else
                    edges(known, 3) = edges(known, 3) || solid;
                end
            end
        end
    end
end
end

function index = holder(table, names)
% Return the box that a table stands in: its own, or its master's.
index = find(strcmp(names, levada.internal.schema.fullName(table.name)), 1);
if isempty(index)
    index = find(strcmp(names, masterName(table)), 1);
end
end

function rows = rowOf(edges, number)
% Each box stands one row below the lowest of its parents. Tables come parents first, so one pass is enough.
rows = ones(1, number);
for child = 1:number
    parents = edges(edges(:, 2) == child, 1);
    if ~isempty(parents)
        rows(child) = max(rows(parents)) + 1;
    end
end
end

function members = ordered(members, boxes)
% A box stands as near to the middle of its parents as the row allows.
wanted = zeros(size(members));
for index = 1:numel(members)
    parents = boxes.edges(boxes.edges(:, 2) == members(index), 1);
    wanted(index) = mean([boxes.x(parents), Inf(1, isempty(parents))]);
end
[~, order] = sort(wanted);
members = members(order);
end
