classdef Not < levada.internal.query.Condition
%NOT Opposite of a condition: the entities for which it is false or unknown.
%
%   query & levada.Not('x > 5')     the same as query - 'x > 5'
%   query & {levada.Not(key), 'y = 1'}
%
%   See also levada.Relation

    properties (SetAccess = private)
        Condition = true
    end

    methods
        function self = Not(condition)
            %NOT Negate a condition of any kind.
            self.Condition = condition;
        end

        function condition = not(self)
            %NOT ~~A: the condition itself.
            condition = self.Condition;
        end

        function condition = or(self, other)
            %OR ~A | B: either of them; levada.AnyOf.
            condition = levada.AnyOf({self, other});
        end
    end
end
