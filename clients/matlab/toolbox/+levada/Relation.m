classdef Relation
%RELATION Expression over tables. It never changes; each operator makes a new one.
%
%   A & condition   restricts        A - condition   antirestricts      ~A   the opposite condition, levada.Not
%   A * B           joins            A + B           unites          B | C  the condition that either holds
%
%   A condition is text ('x > 5'), a struct (equalities), a struct array (any of them), a cell (all of them), true or
%   false, a query, levada.Not, levada.AnyOf, levada.Top or a table. The server checks an expression when it is first
%   used, and its errors name the part at fault.
%
%   proj, aggr, join, extend, restrict    operators with a name
%   fetch, fetch1, fetchn, fetchtable     rows
%   count, exists, header, primaryKey     its size and attributes
%
%   See also levada.Table, levada.U, levada.Top, levada.Not

    properties (Hidden, SetAccess = protected)
        Node = []  % the expression; [] for a whole table, which its class names
    end

    methods
        function self = Relation(root)
            %RELATION Make the relation of a node. Users start from tables.
            if nargin > 0
                self.Node = root;
            end
        end

        function result = and(self, condition)
            %AND Keep the entities that meet a condition: A & condition.
            result = restricted(self, condition, false, true);
        end

        function result = minus(self, condition)
            %MINUS Keep the entities that do not meet a condition: A - condition. NULL counts as not met.
            result = restricted(self, condition, true, true);
        end

        function result = restrict(self, varargin)
            %RESTRICT Keep the entities that meet all of some conditions; the word 'not' negates the next one.
            %
            %   result = restrict(A, condition, ...)
            %
            %   A stays as it is. DataJoint's restrict changes A itself, so calling it without an output is an error; a
            %   constructor with self.restrict(varargin{:}) may call it without conditions.
            if nargout == 0
                if isempty(varargin)
                    return  % without a result, which a constructor would show, and so make the object again
                end
                levada.internal.errors.fail('InvalidRequest', ...
                    ['restrict returns a new query and leaves this one unchanged, so its result must not be dropped: ' ...
                    'write query = restrict(query, condition), or query & condition.']);
            end
            condition = varargin;
            if isscalar(varargin)
                condition = varargin{1};
            end
            result = restricted(self, condition, false, true);
        end

        function opposite = not(self)
            %NOT ~A: the condition that an entity matches none of A.
            opposite = levada.Not(self);
        end

        function result = mtimes(self, other)
            %MTIMES Pair entities that agree on the attributes they share: A * B.
            result = join(self, other);
        end

        function result = plus(self, other)
            %PLUS Unite the entities of two relations with the same primary key: A + B.
            uses = {'left', operand(self, '+'); 'right', operand(other, '+')};
            result = levada.Relation(levada.internal.query.makeNode('nodes', 'union', struct(), uses));
        end

        function condition = or(self, other)
            %OR Make the condition that an entity matches A or meets the condition B: A | B. See levada.AnyOf.
            if isa(other, 'levada.AnyOf')
                condition = levada.AnyOf([{self}, other.Conditions]);
            else
                condition = levada.AnyOf({self, other});
            end
        end

        function result = times(self, condition)
            %TIMES Restrict as A & B does: older code writes A .* B.
            result = restricted(self, condition, false, true);
        end

        function result = mrdivide(self, condition)
            %MRDIVIDE Restrict as A - B does: older code writes A / B.
            result = restricted(self, condition, true, true);
        end

        function result = union(self, other)
            %UNION Unite as A + B does.
            result = plus(self, other);
        end

        function result = proj(self, varargin)
            %PROJ Keep, rename and compute attributes; the primary key always stays.
            %
            %   proj(A)                       the primary key alone
            %   proj(A, attribute, ...)       and these, each as one of
            %   proj(A, 'a', 'b')             keeps a and b
            %   proj(A, 'old->new')           renames; '(old)->new' duplicates
            %   proj(A, 'weight/2->half')     computes
            %   proj(A, '*')                  keeps all; with '-a' beside it all but a
            %   proj(A, B, 'count(*)->n')     computes over the matching entities of B; options as for aggr
            if ~isempty(varargin) && isa(varargin{1}, 'levada.Relation')
                result = aggr(self, varargin{:});
                return
            end
            items = levada.internal.query.projectItems(varargin);
            made = levada.internal.query.makeNode('nodes', 'project', struct('items', {items}), {'operand', ...
                operand(self, 'proj')});
            result = levada.Relation(made);
        end

        function result = pro(self, varargin)
            %PRO Project as proj does: older code calls pro.
            %
            %   pro(A, attribute, ...)    options as for aggr
            result = proj(self, varargin{:});
        end

        function result = aggr(self, group, varargin)
            %AGGR Compute over the entities of `group` that match each entity of A.
            %
            %   aggr(A, group, attribute, ...)
            %   aggr(A, group, 'count(*)->n', 'avg(x)->mean', 'attribute_of_A', ...)
            %   aggr(..., 'KeepAllRows', false)   leaves out entities without a match
            %
            %   Entities without a match are kept, and count(*) is 0 for them, unless the setting aggrKeepAllRows says
            %   otherwise.
            [words, keepAllRows] = levada.internal.inputs.takeOption(varargin, 'KeepAllRows', ...
                levada.config('aggrKeepAllRows'));
            body = struct('items', {levada.internal.query.projectItems(words)}, 'matching_only', ~keepAllRows);
            uses = {'operand', operand(self, 'aggr'); 'group', operand(group, 'aggr')};
            result = levada.Relation(levada.internal.query.makeNode('nodes', 'aggregate', body, uses));
        end

        function result = join(self, other, varargin)
            %JOIN Pair entities that agree on the attributes they share: A * B.
            %
            %   join(A, B, 'Left', true)            keeps entities of A without a match; A must determine B
            %   join(A, B, 'SemanticCheck', false)  matches on names alone
            named = levada.internal.inputs.readOptions(struct('Left', false, 'SemanticCheck', true), varargin);
            body = struct('left_join', named.Left, 'unchecked', ~named.SemanticCheck);
            uses = {'left', operand(self, '*'); 'right', operand(other, '*')};
            result = levada.Relation(levada.internal.query.makeNode('nodes', 'join', body, uses));
        end

        function result = extend(self, other)
            %EXTEND Add the attributes of B, which A must determine; no entity is lost or doubled.
            uses = {'left', operand(self, 'extend'); 'right', operand(other, 'extend')};
            result = levada.Relation(levada.internal.query.makeNode('nodes', 'join', struct('left_join', true, ...
                'extend', ...
                true), uses));
        end

        function attributes = header(self)
            %HEADER Return the attributes, the primary key first.
            %
            %   A struct array with name, type (as a definition spells it), iskey, isnullable, default, comment.
            attributes = levada.internal.schema.headerOf(heading(self));
        end

        function names = primaryKey(self)
            %PRIMARYKEY Return the names of the attributes of the primary key as a cell row.
            attributes = header(self);
            names = {attributes([attributes.iskey]).name};
        end

        function names = nonKeyFields(self)
            %NONKEYFIELDS Return the names of the other attributes as a cell row.
            attributes = header(self);
            names = {attributes(~[attributes.iskey]).name};
        end

        function connection = conn(self)
            %CONN Return the connection that answers this relation.
            connection = levada.internal.query.connectionOf(node(self));
        end

        function number = count(self)
            %COUNT Return the number of entities.
            response = ask(self, @levada.internal.api.countRelation);
            number = 0;
            if isfield(response, 'entity_count')
                number = double(response.entity_count);
            end
        end

        function answer = exists(self)
            %EXISTS Return whether there is any entity.
            response = ask(self, @levada.internal.api.checkExistence);
            answer = isfield(response, 'found') && response.found;
        end

        function answer = isempty(self)
            %ISEMPTY Return whether there is no entity.
            answer = ~exists(self);
        end

        function number = length(self)
            %LENGTH Return the number of entities, as count does.
            number = count(self);
        end

        function [rows, keys] = fetch(self, varargin)
            %FETCH Fetch entities as a struct array (n-by-1).
            %
            %   rows = fetch(A)                the primary key alone
            %   rows = fetch(A, attribute, ...)
            %   rows = fetch(A, '*')           all attributes
            %   rows = fetch(A, 'a', 'old->new', 'x/2->half')
            %   rows = fetch(A, B, 'count(*)->n')
            %   rows = fetch(..., 'ORDER BY a, b DESC LIMIT 5 OFFSET 2')
            %   rows = fetch(..., 5), fetch(..., 2, 5)    limit; offset and limit
            %   rows = fetch(..., 'Exact', true)          numbers in the classes they are stored in
            %   [rows, keys] = fetch(...)                 the primary keys alone too
            %
            %   Numbers are double, but int64 for int64 attributes. Bools are logical. Text, dates, times, decimals and
            %   uuids are char. Blobs are the stored values. NULL is NaN for numbers and [] otherwise; with 'Exact' it
            %   is always [].
            [result, exact] = levada.internal.query.fetchResult(self, varargin);
            rows = levada.internal.rows.structRows(result, levada.internal.rows.columnNames(result), exact);
            if nargout > 1
                keys = levada.internal.rows.structRows(result, result.primary_key, exact);
            end
        end

        function varargout = fetch1(self, varargin)
            %FETCH1 Fetch exactly one entity.
            %
            %   [a, b, ...] = fetch1(A, attribute, ...)
            %   [a, b] = fetch1(A, 'a', 'b')
            %   row = fetch1(A, '*')           a struct of all
            %   row = fetch1(A)                the same
            %   [...] = fetch1(..., 'Exact', true)   as for fetch
            %
            %   Errors: levada:NotFound (none), levada:InvalidRequest (several).
            [varargout{1:max(nargout, 1)}] = levada.internal.query.fetchOne(self, varargin);
        end

        function varargout = fetchn(self, varargin)
            %FETCHN Fetch attributes as one column each: numbers as a vector, the rest as a cell.
            %
            %   [a, b, ...] = fetchn(A, attribute, ...)
            %   [a, b] = fetchn(A, 'a', 'b')
            %   [a, b, keys] = fetchn(A, 'a', 'b')   the primary keys as a struct array too
            %
            %   Order, limit and 'Exact' as for fetch. Fixed-shape arrays come as one array, the entity's index first.
            [varargout{1:max(nargout, 1)}] = levada.internal.query.fetchAttributes(self, varargin, max(nargout, 1));
        end

        function rows = fetchtable(self, varargin)
            %FETCHTABLE Fetch entities as a table, all attributes if none are named; arguments as for fetch.
            %
            %   rows = fetchtable(A, attribute, ...)
            %
            %   Text is string, dates and times are datetime. Octave has no tables: there it returns a struct with one
            %   column per attribute, as fetchn returns them.
            rows = levada.internal.query.fetchAsTable(self, varargin);
        end

        function disp(self)
            %DISP Show the first entities.
            levada.internal.query.preview(self);
        end
    end

    methods (Hidden)
        function root = node(self)
            %NODE Return the expression.
            root = self.Node;
        end

        function message = message(self)
            %MESSAGE Return the expression in the form of the protocol.
            root = node(self);
            message = levada.internal.query.encodeRelation(root);
        end

        function found = heading(self)
            %HEADING Return the attributes in the form of the protocol, a cell of structs.
            response = ask(self, @levada.internal.api.describeRelation);
            found = {};
            if isfield(response.heading, 'attributes')
                found = response.heading.attributes;
            end
        end

        function response = ask(self, method)
            %ASK Call a method of the server with this relation: ask(self, @levada.internal.api.countRelation).
            root = node(self);
            connection = levada.internal.query.connectionOf(root);
            request = struct('relation', levada.internal.query.encodeRelation(root));
            response = method(connection, request);
        end

        function result = restricted(self, condition, negated, semanticCheck)
            %RESTRICTED Restrict, and keep the class.
            if ~isa(self, 'levada.Relation')
                levada.internal.errors.fail('InvalidRequest', ...
                    ['A query stands on the left of & and -, and its restriction on the right; here a %s is on ' ...
                    'the left.'], ...
                    class(self));
            end
            result = self;
            operand = node(self);
            if strcmp(operand.arm, 'universal_set') && (negated || ~isa(condition, 'levada.Relation'))
                levada.internal.errors.fail('InvalidRequest', ...
                    ['levada.U has entities without end: restrict it by a table or query, and the result by more, as ' ...
                    'in levada.U(...) & table & condition.']);
            end
            if isa(condition, 'levada.Top') && ~negated
                result.Node = levada.internal.query.topNode(operand, condition.clause());
                return
            end
            if iscell(condition) && ~negated && any(cellfun(@(c) isa(c, 'levada.Top'), condition))
                for index = 1:numel(condition)  % the order matters
                    result = restricted(result, condition{index}, false, semanticCheck);
                end
                return
            end
            uses = {'operand', operand; 'condition', levada.internal.query.conditionNode(condition, semanticCheck)};
            body = struct();
            if negated
                body.negated = true;
            end
            result.Node = levada.internal.query.makeNode('nodes', 'restrict', body, uses);
        end
    end
end

function root = operand(relation, operator)
if ~isa(relation, 'levada.Relation')
    levada.internal.errors.fail('InvalidRequest', 'The operator %s needs a table or query on both sides, not a %s.', ...
        operator, class(relation));
end
root = node(relation);
end
