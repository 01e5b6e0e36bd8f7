classdef AwayConnection < handle
%AWAYCONNECTION Stand-in for the connection to a server that is away for the first calls, or refuses them.

    properties
        Refusals = 2
        Reason = 'Unavailable'
        Request = []
    end

    methods
        function answer = inTransaction(self)
            answer = false;
        end

        function response = request(self, method, request, varargin)
            if self.Refusals > 0
                self.Refusals = self.Refusals - 1;
                error(['levada:' self.Reason], 'The server does not do this.');
            end
            self.Request = request;
            response = struct();
        end
    end
end
