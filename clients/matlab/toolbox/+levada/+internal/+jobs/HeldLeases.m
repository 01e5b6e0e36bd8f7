classdef HeldLeases < handle
% HeldLeases  The leases in hand; what is not settled is given back.

    properties (Access = private)
        Connection
        Leases
    end

    methods
        function self = HeldLeases(connection, leases)
            % HeldLeases  Take a cell of leases in hand.
            self.Connection = connection;
            self.Leases = leases;
        end

        function settled(self, lease)
            % settled  Let one go: it was completed, failed or lost.
            keep = cellfun(@(l) ~strcmp(l.lease_token, lease.lease_token), self.Leases);
            self.Leases = self.Leases(keep);
        end

        function release(self)
            % release  Give back the rest untouched; where the server is out of reach, their leases run out instead.
            if ~isempty(self.Leases)
                names = cellfun(@(l) struct('table', l.table, 'job_id', l.job_id, 'lease_token', l.lease_token), ...
                    self.Leases, 'UniformOutput', false);
                self.Leases = {};
                try
                    self.Connection.request('JobService/ReleaseJobs', struct('leases', {names}));
                catch failure
                    if ~levada.internal.errors.isTransient(failure)
                        rethrow(failure)
                    end
                end
            end
        end
    end
end
