classdef Caller < handle
%CALLER Caller of methods over a channel of its own, without the rest of a levada.Connection: for a login, for example.
%
%   caller = Caller(url, token, certificates)
%
%   certificates  the authorities to trust in place of the system's, in PEM; '' for these

    properties (SetAccess = private)
        Channel  % its number in the gateway
    end

    methods
        function self = Caller(url, token, certificates)
            %CALLER Open the channel. The first call connects.
            self.Channel = levada.internal.calls.gateway('connect', url, token, certificates, ...
                levada.internal.calls.clientName());
        end

        function response = request(self, method, message, varargin)
            %REQUEST Call a method; see levada.internal.calls.call.
            response = levada.internal.calls.call(self, ['/levada_api.v1.' method], message, varargin{:});
        end

        function response = send(self, method, messages)
            %SEND Call a method that takes a stream of messages.
            response = levada.internal.calls.sendStream(self, ['/levada_api.v1.' method], messages);
        end

        function responses = receive(self, method, message)
            %RECEIVE Call a method that answers with a stream, and return its messages as a cell.
            responses = levada.internal.calls.receiveStream(self, ['/levada_api.v1.' method], message);
        end

        function stream = open(self, method)
            %OPEN Call a method both of whose sides are streams.
            stream = levada.internal.calls.SessionStream(self.Channel, ['/levada_api.v1.' method]);
        end

        function delete(self)
            levada.internal.calls.gateway('close', self.Channel);
        end
    end
end
