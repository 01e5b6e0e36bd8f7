%{
# reads and writes where its definition does not lead, as the configuration says
-> lab.Session
---
x : int
%}
classdef Wanderer < levada.Computed
    methods
        function make(self, key)
            insert(self, setfield(key, 'x', 1))
            switch levada.config('wandering')
                case 'count'
                    count(lab.Trip);
                case 'fetch'
                    fetch(lab.Trip, '*');
                case 'transaction'
                    checkEqual(count(self & key), 1)  % only a transaction sees what was inserted
                    fetch(lab.Trip, '*');
                case 'insert'
                    insert(lab.Subject, struct('subject_id', 100 + key.session))
                case 'block'
                    connection = conn(self);
                    connection.transaction(@() update(self & key, 'x', 2));
            end
        end
    end
end
