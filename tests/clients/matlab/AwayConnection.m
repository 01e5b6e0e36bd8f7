classdef AwayConnection < handle
%AWAYCONNECTION Stand-in for the connection to a server that is away for the first calls.

    properties
        Refusals = 2
        Request = []
    end

    methods
        function answer = inTransaction(self)
            answer = false;
        end

        function response = request(self, method, request, varargin)
            if self.Refusals > 0
                self.Refusals = self.Refusals - 1;
                error('levada:Unavailable', 'The server is away.');
            end
            self.Request = request;
            response = struct();
        end
    end
end
