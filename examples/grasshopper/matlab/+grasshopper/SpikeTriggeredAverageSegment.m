classdef SpikeTriggeredAverageSegment < levada.Part
% SpikeTriggeredAverageSegment  One segment's own average.

    properties (SetAccess = protected)
        master = grasshopper.SpikeTriggeredAverage
    end
end
