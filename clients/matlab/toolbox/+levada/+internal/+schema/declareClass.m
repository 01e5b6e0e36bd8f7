function faulty = declareClass(schema, className, name)
%DECLARECLASS Declare the table of a class, and insert its contents.
%
%   faulty = declareClass(schema, className, name)
%
%   schema  the levada.Schema that the class belongs to
%   name    the table's TableName
%   faulty  whether its key source cannot be used yet, after a warning
%
%   A class without a definition uses the table as it is.

faulty = false;
table = feval(className);
connection = schema.conn();
definition = levada.internal.schema.definitionOf(table);
computes = isa(table, 'levada.AutoPopulate') && hasMake(table);
if connection.inTransaction() && isDeclared(connection, name)
    return  % a transaction declares nothing, and the table is there
end
if isempty(definition)
    checkDeclared(connection, name, table);
    return
elseif isa(table, 'levada.AutoPopulate') && ~computes && isDeclared(connection, name)
    return  % a class that only reads does not say how to compute the table either
end
schema.create();
request = struct('name', name, 'tier', levada.internal.schema.tierOf(table), 'definition', definition, 'has_make', computes, ...
    'request_id', levada.internal.calls.gateway('requestId'));
fault = '';
request.references = levada.internal.schema.references(definition, table);
if computes
    request.retry_policy = retryPolicy(table);
    [request, fault] = addKeySource(request, table);
end
response = levada.internal.api.declareTable(connection, request);
if isfield(response, 'differences') && ~isempty(response.differences)
    warning('levada:Warning', '%s exists with another definition; nothing was changed. Differences:\n  %s', ...
        levada.internal.schema.fullName(name), strjoin(response.differences, '\n  '));
end
if isfield(response, 'key_source_error') && ~isempty(response.key_source_error)
    fault = response.key_source_error;
end
faulty = ~isempty(fault);
if faulty
    warning('levada:Warning', ...
        '%s is declared, but its key source is at fault; populate evaluates it again. %s', ...
        levada.internal.schema.fullName(name), fault);
end
if isa(table, 'levada.Lookup') && isprop(table, 'contents') && ~isempty(table.contents)
    insertContents(table);
end
end

function [request, fault] = addKeySource(request, table)
% Add the key source that the class defines; one that cannot be evaluated now remains empty, for the reason returned.
fault = '';
try
    source = ownKeySource(table);
    if isa(source, 'levada.Relation')
        request.key_source = levada.internal.query.encodeRelation(source.node());
    end
catch failure
    request.key_source = struct();
    fault = failure.message;
end
end

function policy = retryPolicy(table)
% Return the retry policy of the jobs of the class, from its properties maxAttempts and retryDelay (in s).
policy = struct();
if isprop(table, 'maxAttempts')
    policy.max_attempts = table.maxAttempts;
end
if isprop(table, 'retryDelay')
    policy.retry_delay = levada.internal.values.durationMessage(table.retryDelay);
end
end

function checkDeclared(connection, name, table)
% Refuse a class without a definition if there is no table that it could stand for.
if ~isDeclared(connection, name)
    levada.internal.errors.fail('InvalidDefinition', ...
        ['The class `%s` has no definition, and there is no table %s. A definition is a comment between lines %%{ and ' ...
        '%%} that begins the class''s file (%s) or follows its classdef line, or a constant property `definition`.'], ...
        class(table), levada.internal.schema.fullName(name), which(class(table)));
end
end

function answer = isDeclared(connection, name)
answer = true;
try
    connection.describeTable(name);
catch failure
    if ~any(strcmp(failure.identifier, {'levada:UnknownTable', 'levada:UnknownSchema'}))
        rethrow(failure)
    end
    answer = false;
end
end

function insertContents(table)
rows = table.contents;
if ~isstruct(rows) && ~levada.internal.values.isTable(rows) && isvector(rows) && iscell(rows{1})
    rows = vertcat(rows{:});
end
% Counting first lets a person without the right to insert use the class.
if size(rows, 1) > count(table) || (isstruct(rows) && numel(rows) > count(table))
    try
        insert(table, rows, 'SkipDuplicates', true);
    catch failure
        if ~strcmp(failure.identifier, 'levada:PermissionDenied')
            rethrow(failure)
        end
        warning('levada:Warning', 'The contents of `%s` were not inserted: %s', class(table), failure.message);
    end
end
end
