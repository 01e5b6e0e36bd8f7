function tables = fetchGraph(connection, schemas, names, ancestorSteps, descendantSteps)
%FETCHGRAPH Return tables with their foreign keys as a cell row, parents first.
%
%   tables = fetchGraph(connection, schemas, names, ancestorSteps, descendantSteps)
%
%   schemas  cell of names; all of their tables
%   names    cell of TableNames
%   steps    how far to widen, -1 for all the way

request = struct('schemas', {schemas}, 'tables', {names}, 'ancestor_steps', ancestorSteps, ...
    'descendant_steps', descendantSteps);
response = levada.internal.api.getGraph(connection, request);
tables = {};
if isfield(response, 'tables')
    tables = response.tables;
end
end
