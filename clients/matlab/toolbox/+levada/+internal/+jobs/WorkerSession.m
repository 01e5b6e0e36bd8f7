classdef WorkerSession < handle
% WorkerSession  Who computes: its leases last as long as it beats, which the gateway does in a thread of its own.

    properties (SetAccess = private)
        Connection
        Id = ''
    end

    properties (Access = private)
        Heartbeat = []
    end

    methods
        function self = WorkerSession(connection)
            % WorkerSession  Begin; the user closes it.
            self.Connection = connection;
            self.open();
        end

        function open(self)
            % open  Begin anew, also where the server forgot the session, as after a long sleep of this machine.
            leaseSeconds = 60;
            beatsPerLease = 3;
            self.stopHeartbeat();
            [host, process, user] = levada.internal.jobs.describeWorker();
            request = struct('worker', struct('host', host, 'process', process, 'user', user));
            request.lease_duration = levada.internal.values.durationMessage(leaseSeconds);
            response = self.Connection.request('JobService/CreateWorkerSession', request);
            self.Id = response.worker_session;
            self.Heartbeat = levada.internal.calls.gateway('beatStart', self.Connection.Channel, self.Id, ...
                leaseSeconds / beatsPerLease);
        end

        function leases = reserve(self, reservation)
            % reserve  Lease the most urgent jobs: a cell row of leases.
            %
            %   reservation  the fields of ReserveJobsRequest but the session
            % None are held now; a lease of which the answer was lost is handed out again.
            reservation.held_leases = struct('lease_tokens', {cell(1, 0)});
            reservation.worker_session = self.Id;
            try
                response = self.Connection.request('JobService/ReserveJobs', reservation);
            catch failure
                if ~strcmp(failure.identifier, 'levada:UnknownWorkerSession')
                    rethrow(failure)
                end
                self.open();
                reservation.worker_session = self.Id;
                response = self.Connection.request('JobService/ReserveJobs', reservation);
            end
            leases = {};
            if isfield(response, 'leases')
                leases = response.leases;
            end
        end

        function answer = isCancelled(self, leaseToken)
            % isCancelled  Return whether somebody cancelled the job of a lease, as far as the last heartbeat knows.
            report = levada.internal.calls.gateway('beatReport', self.Heartbeat);
            answer = any(strcmp(report.cancelled_lease_tokens, leaseToken));
        end

        function close(self)
            % close  End: what is still held goes to others at once. Where the server is out of reach, it ends by itself.
            self.stopHeartbeat();
            try
                self.Connection.request('JobService/DeleteWorkerSession', struct('worker_session', self.Id));
            catch failure
                if ~levada.internal.errors.isTransient(failure) && ~strcmp(failure.identifier, ...
                    'levada:UnknownWorkerSession')
                    rethrow(failure)
                end
            end
        end
    end

    methods (Access = private)
        function stopHeartbeat(self)
            if ~isempty(self.Heartbeat)
                levada.internal.calls.gateway('beatStop', self.Heartbeat);
                self.Heartbeat = [];
            end
        end
    end
end
