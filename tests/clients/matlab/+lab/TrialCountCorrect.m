%{
-> lab.TrialCount
trial : smallint
%}
classdef TrialCountCorrect < levada.Part
    properties (SetAccess = protected)
        master = lab.TrialCount
    end
    methods
        function makeTuples(self, key, trials)
            for trial = trials([trials.correct])'
                self.insert(setfield(key, 'trial', trial.trial))
            end
        end
    end
end
