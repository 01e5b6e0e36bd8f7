classdef SpikeTriggeredAverageSegment < levada.Part
% SpikeTriggeredAverageSegment  The average of one segment.

    properties (SetAccess = protected)
        master = grasshopper.SpikeTriggeredAverage
    end
end
