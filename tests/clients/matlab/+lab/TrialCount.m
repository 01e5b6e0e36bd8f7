%{
# counts in the older way
-> lab.Session
---
number : int
%}
classdef TrialCount < levada.Computed
    properties
        popRel = lab.Session & 'session < 3'
    end
    methods (Access = protected)
        function makeTuples(self, key)
            tuple = key;
            trials = fetch(lab.SessionTrial & key, 'correct');
            tuple.number = numel(trials);
            self.insert(tuple);
            makeTuples(lab.TrialCountCorrect, key, trials);
        end
    end
end
