%{
-> lab.Subject
name : varchar(20)
---
size = 0 : int64
%}
classdef Found < levada.Manual
    properties
        discoverEvery = 1
    end
    methods
        function rows = discover(self)
            rows = levada.config('found_rows');
            if isa(rows, 'function_handle')
                rows = rows();
            elseif ischar(rows)
                error('lab:Away', rows);
            end
        end
    end
end
