%{
# computed from what lies upstream of its key
-> lab.Session
---
trials : int
%}
classdef Downstream < levada.Computed
    methods
        function make(self, key)
            found = upstream(self);
            [~] = fetch1(rows(found, lab.Session), 'rate');
            insert(self, setfield(key, 'trials', count(rows(found, lab.SessionTrial))))
        end
    end
end
