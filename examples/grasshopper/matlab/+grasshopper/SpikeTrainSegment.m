classdef SpikeTrainSegment < levada.Part
% SpikeTrainSegment  One segment of a spike train.

    properties (SetAccess = protected)
        master = grasshopper.SpikeTrain
    end
end
