classdef SessionStream < handle
%SESSIONSTREAM Stream on which requests and answers take turns, such as that of a transaction; ENDSESSION ends it.

    properties
        Call
        % Whether a request is under way. If one still is when the next one comes, it was interrupted.
        Busy = false
    end

    methods
        function self = SessionStream(channel, method)
            self.Call = levada.internal.calls.gateway('start', channel, method, [], Inf);
        end

        function delete(self)
            levada.internal.calls.gateway('cancel', self.Call);
        end
    end
end
