classdef table
%TABLE Stand-in for MATLAB's: named columns.

    properties
        Columns
        Properties
    end

    methods
        function self = table(columns, names)
            %TABLE Make it of a cell of columns and their names.
            self.Columns = columns;
            self.Properties = struct('VariableNames', {names});
        end

        function value = subsref(self, references)
            %SUBSREF Return a column, or the properties.
            if strcmp(references(1).subs, 'Properties')
                value = self.Properties;
            else
                value = self.Columns{strcmp(self.Properties.VariableNames, references(1).subs)};
            end
            if numel(references) > 1
                value = subsref(value, references(2:end));
            end
        end
    end
end
