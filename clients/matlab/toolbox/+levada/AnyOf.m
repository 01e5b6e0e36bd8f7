classdef AnyOf < levada.internal.query.Condition
%ANYOF Condition that holds if at least one of some conditions holds: B | 'x > 5' | struct('y', 1).
%
%   A & (B | C)           the entities of A that match B or C
%   A - (B & 'x > 5' | ~B)
%   A & levada.AnyOf({condition, ...})
%
%   See also levada.Relation, levada.Not

    properties (SetAccess = private)
        Conditions = {}
    end

    methods
        function self = AnyOf(conditions)
            %ANYOF Combine a cell of conditions of any kind.
            self.Conditions = reshape(conditions, 1, []);
        end

        function result = or(self, other)
            %OR Add one more condition, on either side.
            if isa(self, 'levada.AnyOf')
                result = levada.AnyOf([self.Conditions, {other}]);
            else
                result = levada.AnyOf([{self}, other.Conditions]);
            end
        end

        function opposite = not(self)
            %NOT ~(B | C): the opposite.
            opposite = levada.Not(self);
        end
    end
end
