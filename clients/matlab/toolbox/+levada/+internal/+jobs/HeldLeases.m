classdef HeldLeases < handle
%HELDLEASES Leases that a worker holds; the unsettled ones are released at the end.

    properties (Access = private)
        Connection
        Leases
    end

    methods
        function self = HeldLeases(connection, leases)
            %HELDLEASES Hold a cell of leases.
            self.Connection = connection;
            self.Leases = leases;
        end

        function settled(self, lease)
            %SETTLED Forget a lease whose job was completed, failed or lost.
            keep = cellfun(@(l) ~strcmp(l.lease_token, lease.lease_token), self.Leases);
            self.Leases = self.Leases(keep);
        end

        function release(self)
            %RELEASE Release the rest. If the server is out of reach or refuses that, they end with the session.
            longestSeconds = 1;  % it runs after Ctrl-C, too
            if ~isempty(self.Leases)
                names = cellfun(@(l) struct('table', l.table, 'job_id', l.job_id, 'lease_token', l.lease_token), ...
                    self.Leases, 'UniformOutput', false);
                self.Leases = {};
                try
                    levada.internal.api.releaseJobs(self.Connection, struct('leases', {names}), longestSeconds);
                catch failure
                    if ~strncmp(failure.identifier, 'levada:', 7)
                        rethrow(failure)
                    end
                end
            end
        end
    end
end
