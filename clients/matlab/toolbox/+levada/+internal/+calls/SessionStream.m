classdef SessionStream < handle
%SESSIONSTREAM Stream of a transaction: requests and answers take turns.

    properties
        Call
        % Whether a request is under way. If one still is when the next one comes, it was interrupted.
        Busy = false
    end

    methods
        function self = SessionStream(channel)
            self.Call = levada.internal.calls.gateway('start', channel, '/levada_api.v1.SessionService/OpenSession', ...
                [], Inf);
        end

        function delete(self)
            levada.internal.calls.gateway('cancel', self.Call);
        end
    end
end
