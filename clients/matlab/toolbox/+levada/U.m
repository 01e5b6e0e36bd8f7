classdef U < levada.Relation
%U All possible entities with some attributes; of use only in restrictions and aggregations.
%
%   levada.U(attribute, ...)                   all entities with these attributes
%   levada.U('a', 'b') & A                     the distinct pairs of A
%   aggr(levada.U('a'), A, 'count(*)->n')      groups by a
%   aggr(levada.U(), A, 'count(*)->n')         one entity
%
%   See also levada.Relation

    methods
        function self = U(varargin)
            %U Name the attributes.
            names = cellfun(@levada.internal.inputs.plainText, varargin, 'UniformOutput', false);
            if ~all(cellfun(@ischar, names))
                levada.internal.errors.fail('InvalidRequest', 'levada.U takes the names of attributes.');
            end
            self@levada.Relation(levada.internal.query.makeNode('nodes', 'universal_set', struct('attributes', ...
                {names})));
        end
    end
end
