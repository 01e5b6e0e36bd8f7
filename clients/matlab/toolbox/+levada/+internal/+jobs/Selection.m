classdef Selection < handle
%SELECTION Jobs of one populate: which may be taken, and in which order.

    properties (Access = private)
        Name
        Every        % all jobs of the table
        Chosen       % the jobs that may be taken
        Keys = []    % the keys that are taken one by one first: a struct array
        Next = 1     % the key that is next
    end

    methods
        function self = Selection(table, source, named)
            %SELECTION Choose jobs.
            %
            %   source  the keys to compute, or [] for all
            %   named   the options of populate
            self.Name = tableName(table);
            self.Every = jobs(table);
            self.Chosen = self.Every;
            if isa(source, 'levada.Relation')
                % On names alone: they are the table's, whatever the source computes them from.
                key = primaryKey(self.Every);
                self.Chosen = restricted(self.Chosen, proj(source, key{:}), false, false);
            end
            if ~isempty(named.Priority)
                self.Chosen = atLeast(self.Chosen, named.Priority);
            end
            order = levada.internal.inputs.plainText(named.Order);
            if ~any(strcmp(order, {'original', 'reverse', 'random'}))
                levada.internal.errors.fail('InvalidRequest', ...
                    'Order is ''original'', ''reverse'' or ''random'', not %s.', jsonencode(order));
            end
            if ~strcmp(order, 'original') || named.Limit < Inf
                self.fixKeys(order, named.Limit);
            end
        end

        function number = pendingCount(self, most)
            %PENDINGCOUNT Return how many jobs there are to take, at most a number.
            number = min(most, count(pending(self.Chosen)));
        end

        function [request, isLast] = reservation(self)
            %RESERVATION Return which jobs to reserve next, and whether there are no others if it finds none.
            request = struct('names', {{self.Name}}, 'except_unready', true);
            isLast = self.Next > numel(self.Keys);
            wanted = self.Chosen;
            if ~isLast
                wanted = self.Every & self.Keys(self.Next);
                self.Next = self.Next + 1;
            end
            if ~strcmp(getfield(node(wanted), 'arm'), 'job_table')
                request.restriction = wanted.message();
            end
        end
    end

    methods (Access = private)
        function fixKeys(self, order, limit)
            clause = 'ORDER BY KEY';
            if limit < Inf
                clause = sprintf('%s LIMIT %d', clause, limit);
            end
            keys = fetch(pending(self.Chosen), clause);
            switch order
                case 'reverse'
                    keys = flipud(keys);
                case 'random'
                    keys = keys(randperm(numel(keys)));
            end
            self.Keys = keys;
            self.Chosen = self.Every & keys;
        end
    end
end
