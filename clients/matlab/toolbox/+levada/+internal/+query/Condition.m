classdef Condition
%CONDITION Base class of levada.AnyOf and levada.Not, which are conditions and not queries.
%
%   A method of queries that is called on a condition raises levada:InvalidRequest, which says how to make a query of it.

    methods (Hidden)
        function varargout = count(self, varargin)
            %COUNT Refuse: a condition has no entities.
            refuse(self, 'count');
        end

        function varargout = exists(self, varargin)
            %EXISTS Refuse: a condition has no entities.
            refuse(self, 'exists');
        end

        function varargout = fetch(self, varargin)
            %FETCH Refuse: a condition has no entities.
            refuse(self, 'fetch');
        end

        function varargout = fetch1(self, varargin)
            %FETCH1 Refuse: a condition has no entities.
            refuse(self, 'fetch1');
        end

        function varargout = fetchn(self, varargin)
            %FETCHN Refuse: a condition has no entities.
            refuse(self, 'fetchn');
        end

        function varargout = fetchtable(self, varargin)
            %FETCHTABLE Refuse: a condition has no entities.
            refuse(self, 'fetchtable');
        end

        function varargout = proj(self, varargin)
            %PROJ Refuse: a condition has no attributes.
            refuse(self, 'proj');
        end

        function varargout = aggr(self, varargin)
            %AGGR Refuse: a condition has no entities.
            refuse(self, 'aggr');
        end

        function varargout = del(self, varargin)
            %DEL Refuse: a condition has no entities.
            refuse(self, 'del');
        end

        function varargout = and(self, varargin)
            %AND Refuse: a condition cannot be restricted.
            refuse(self, '&');
        end

        function varargout = minus(self, varargin)
            %MINUS Refuse: a condition cannot be restricted.
            refuse(self, '-');
        end

        function varargout = mtimes(self, varargin)
            %MTIMES Refuse: a condition cannot be joined.
            refuse(self, '*');
        end

        function varargout = plus(self, varargin)
            %PLUS Refuse: a condition cannot be united.
            refuse(self, '+');
        end
    end
end

function refuse(condition, method)
levada.internal.errors.fail('InvalidRequest', ...
    ['%s needs a query, and a %s is a condition (A | B and ~A make one). Restrict a table by it, as in ' ...
    'A & (B | C); the entities of both A and B are A + B.'], method, class(condition));
end
