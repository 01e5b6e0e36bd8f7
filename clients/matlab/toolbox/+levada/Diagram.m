classdef Diagram
%DIAGRAM Diagram of tables and their dependencies. It never changes; each operator makes a new one.
%
%   diagram = levada.Diagram(source)          a levada.Schema, a package name, or a table
%   diagram + 1, diagram - 1                  with the tables one step downstream, upstream
%   a + b, a - b, a * b                       the tables of either, of the first alone, of both
%   draw(diagram)                             as a figure
%   draw(diagram, 'pipeline.svg')             as a file
%   text = svg(diagram)
%   draw(diagram, ..., 'Counts', true)        with the number of entities, and how far computations are
%
%   The server lays it out. Colours are tiers, frames are schemas, and parts stand in the box of their master. A thick line
%   leads to a table whose whole primary key is that of the parent, a solid line to one whose primary key contains it, a
%   dashed line to any other. With more than 120 boxes, whole schemas become one box.

    properties (Hidden, SetAccess = private)
        Connection
        Tables = {}  % in the form of the protocol, parents first
    end

    methods
        function self = Diagram(source)
            %DIAGRAM Ask the server for the tables.
            if nargin == 0
                return
            end
            source = levada.internal.inputs.plainText(source);
            if ischar(source)
                source = levada.internal.schema.schemaOf([source '.Table']);
            end
            if isa(source, 'levada.Schema')
                self.Connection = source.conn();
                self.Tables = levada.internal.diagrams.fetchGraph(self.Connection, {source.dbname}, {}, 0, 0);
            elseif isa(source, 'levada.Table')
                self.Connection = conn(source);
                self.Tables = levada.internal.diagrams.fetchGraph(self.Connection, {}, {tableName(source)}, 0, 0);
            else
                levada.internal.errors.fail('InvalidRequest', ...
                    'A diagram shows a levada.Schema, a package or a table, not a %s.', ...
                    class(source));
            end
        end

        function result = plus(self, other)
            %PLUS Add the tables within some steps downstream, or the tables of another diagram.
            if isnumeric(other)
                result = widened(self, 0, other);
            else
                result = self;
                result.Tables = [self.Tables, other.Tables(~ismember(names(other), names(self)))];
            end
        end

        function result = minus(self, other)
            %MINUS Add the tables within some steps upstream, or leave out the tables of another diagram.
            if isnumeric(other)
                result = widened(self, other, 0);
            else
                result = self;
                result.Tables = self.Tables(~ismember(names(self), names(other)));
            end
        end

        function result = mtimes(self, other)
            %MTIMES Keep the tables that both diagrams have.
            result = self;
            result.Tables = self.Tables(ismember(names(self), names(other)));
        end

        function text = names(self)
            %NAMES Return the full names of the tables as a cell row, parents first.
            text = cellfun(@(t) levada.internal.schema.fullName(t.name), self.Tables, 'UniformOutput', false);
        end

        function text = svg(self, varargin)
            %SVG Return the diagram as SVG.
            %
            %   text = svg(diagram)
            %   text = svg(diagram, 'Counts', true)
            named = levada.internal.inputs.readOptions(struct('Counts', false), varargin);
            text = levada.internal.diagrams.svgText(layout(self, named.Counts));
        end

        function draw(self, varargin)
            %DRAW Draw as a figure, or into an SVG file if a name is given or there is no display.
            %
            %   draw(diagram)
            %   draw(diagram, file)          into an SVG file, as 'pipeline.svg'
            %   draw(..., 'Counts', true)    with the number of entities; for computed tables, how far they are
            [words, named] = levada.internal.inputs.takeOptions(varargin, struct('Counts', false));
            if isempty(words) && levada.internal.diagrams.hasDisplay()
                levada.internal.diagrams.drawFigure(layout(self, named.Counts));
                return
            end
            file = '';
            if ~isempty(words)
                file = words{1};
            end
            if isempty(file)
                file = 'diagram.svg';
                fprintf('There is no display; the diagram is in %s.\n', fullfile(pwd(), file));
            end
            levada.internal.schema.writeText(file, {svg(self, 'Counts', named.Counts)});
        end

        function disp(self)
            %DISP Show the names, with tiers.
            for found = self.Tables
                fprintf('  %-40s %s\n', levada.internal.schema.fullName(found{1}.name), ...
                    lower(regexprep(found{1}.tier, '^TABLE_TIER_', '')));
            end
        end
    end

    methods (Access = private)
        function result = layout(self, withCounts)
            result = levada.internal.diagrams.layOut(self.Connection, self.Tables, withCounts);
        end

        function result = widened(self, ancestorSteps, descendantSteps)
            result = self;
            given = cellfun(@(t) t.name, self.Tables, 'UniformOutput', false);
            result.Tables = levada.internal.diagrams.fetchGraph(self.Connection, {}, given, ancestorSteps, ...
                descendantSteps);
        end
    end
end
