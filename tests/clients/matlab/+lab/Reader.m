%{
# reads what it has just inserted, in the older way
-> lab.Session
---
number : int
%}
classdef Reader < levada.Computed
    methods (Access = protected)
        function makeTuples(self, key)
            insert(self, setfield(key, 'number', 5))
            makeTuples(lab.ReaderPart, key)
            if key.session == 2
                update(self & key, 'number', count(lab.ReaderPart & key))
            end
            if key.session == 3
                error('lab:Late', 'after the inserts were seen');
            end
        end
    end
end
