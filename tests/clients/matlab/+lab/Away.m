%{
a : int64
%}
classdef Away < levada.Manual
    methods
        function rows = discover(~)
            rows = {};
        end
        function connection = conn(~)
            connection = levada.config('away_connection');
        end
        function attributes = heading(~)
            attributes = {};
        end
        function name = tableName(~)
            name = struct('schema', 'lab', 'table', 'Away');
        end
    end
end
