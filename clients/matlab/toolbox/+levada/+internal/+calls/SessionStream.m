classdef SessionStream < handle
    %SESSIONSTREAM The stream of a transaction: requests and answers take turns.

    properties
        Call
        % A request is under way. If it still is when the next one comes, the one before was interrupted.
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
