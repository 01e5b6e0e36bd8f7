classdef Top
%TOP First entities in an order.
%
%   query & levada.Top()                     the first by key
%   query & levada.Top(5)
%   query & levada.Top(5, 'day DESC, name')
%   query & levada.Top(5, 'KEY DESC', 10)    passes over the first 10
%   query & levada.Top([], 'day')            all, in an order
%
%   See also levada.Relation

    properties (SetAccess = private)
        Limit = 1
        OrderBy = 'KEY'
        Offset = 0
    end

    methods
        function self = Top(limit, orderBy, offset)
            %TOP Say how many entities, in which order, after how many others.
            if nargin > 0
                self.Limit = limit;
            end
            if nargin > 1
                self.OrderBy = orderBy;
            end
            if nargin > 2
                self.Offset = offset;
            end
            if any(self.Limit < 0) || any(self.Offset < 0)
                levada.internal.errors.fail('InvalidRequest', 'The limit and offset of levada.Top must not be negative.');
            end
        end
    end

    methods (Hidden)
        function top = clause(self)
            %CLAUSE Return the struct that levada.internal.query.topNode takes.
            order = levada.internal.inputs.plainText(self.OrderBy);
            if ischar(order)
                order = strsplit(order, ',');
            end
            order = strtrim(cellstr(order));
            top = struct('limit', self.Limit, 'order', {order(~cellfun(@isempty, order))}, 'offset', self.Offset);
        end
    end
end
