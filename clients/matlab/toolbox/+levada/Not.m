classdef Not
% Not  The opposite of a condition: what it does not hold for, or is unknown for.
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
            % Not  Take the opposite of a condition of any kind.
            self.Condition = condition;
        end

        function condition = not(self)
            % not  ~~A: the condition itself.
            condition = self.Condition;
        end

        function condition = or(self, other)
            % or  ~A | B: either of them; levada.AnyOf.
            condition = levada.AnyOf({self, other});
        end
    end
end
