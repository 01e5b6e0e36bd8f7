classdef WorkerSession < handle
%WORKERSESSION Session of a worker: its leases last while a thread of the gateway sends heartbeats for it.

    properties (SetAccess = private)
        Connection
        Id = ''
    end

    properties (Access = private)
        Heartbeat = []
    end

    methods
        function self = WorkerSession(connection)
            %WORKERSESSION Open a session. The caller closes it.
            self.Connection = connection;
            self.open();
        end

        function open(self)
            %OPEN Open a new session, also after the server forgot the last one, as during a long sleep of this machine.
            leaseSeconds = 60;
            beatsPerLease = 3;
            self.stopHeartbeat();
            [host, process, user] = levada.internal.jobs.describeWorker();
            request = struct('worker', struct('host', host, 'process', process, 'user', user));
            request.lease_duration = levada.internal.values.durationMessage(leaseSeconds);
            response = levada.internal.api.createWorkerSession(self.Connection, request);
            self.Id = response.worker_session;
            granted = double(response.lease_duration.seconds) + double(response.lease_duration.nanos) / 1e9;
            self.Heartbeat = levada.internal.calls.gateway('beatStart', self.Connection.Channel, self.Id, ...
                granted / beatsPerLease);
        end

        function leases = reserve(self, reservation)
            %RESERVE Reserve the most urgent jobs, and return a cell row of leases.
            %
            %   reservation  the fields of ReserveJobsRequest but the session
            response = self.ask(@levada.internal.api.reserveJobs, reservation);
            leases = {};
            if isfield(response, 'leases')
                leases = response.leases;
            end
        end

        function lease = reserveDiscovery(self, table, atOnce)
            %RESERVEDISCOVERY Reserve the search for the new rows of a table; [] if it is not due, or a worker is at it.
            %
            %   atOnce  true: whether it is due or not
            interval = levada.internal.values.durationMessage(60 * levada.internal.jobs.discoveryMinutes(table));
            request = struct('at_once', atOnce);
            request.tables = {struct('name', tableName(table), 'interval', interval)};
            response = self.ask(@levada.internal.api.reserveDiscovery, request);
            lease = [];
            if isfield(response, 'lease')
                lease = response.lease;
            end
        end

        function answer = isCancelled(self, leaseToken)
            %ISCANCELLED Return whether somebody cancelled the job of a lease, as far as the last heartbeat knows.
            report = levada.internal.calls.gateway('beatReport', self.Heartbeat);
            answer = any(strcmp(report.cancelled_lease_tokens, leaseToken));
        end

        function close(self)
            %CLOSE End the session: its leases go to others at once. If the server is out of reach, it expires.
            longestSeconds = 1;  % it runs after Ctrl-C, too
            self.stopHeartbeat();
            try
                levada.internal.api.deleteWorkerSession(self.Connection, struct('worker_session', self.Id), ...
                    longestSeconds);
            catch failure
                if ~levada.internal.errors.isTransient(failure) && ~any(strcmp(failure.identifier, ...
                    {'levada:UnknownWorkerSession', 'levada:DeadlineExceeded'}))
                    rethrow(failure)
                end
            end
        end

        function ending = closing(self)
            %CLOSING Return an object with whose end the session is closed.
            %
            %   In Octave, Ctrl-C forgets the variables of a function that has nested functions without ending them if
            %   one of them is a handle made there.
            ending = onCleanup(@() self.close());
        end

        function delete(self)
            self.stopHeartbeat();  % Ctrl-C may come before the caller has arranged to close it
        end
    end

    methods (Access = private)
        function response = ask(self, method, request)
            % No lease is held now. If the answer to the last request was lost, the server hands out its leases again.
            request.held_leases = struct('lease_tokens', {cell(1, 0)});
            % The server may have forgotten the session.
            request.worker_session = self.Id;
            try
                response = method(self.Connection, request);
            catch failure
                if ~strcmp(failure.identifier, 'levada:UnknownWorkerSession')
                    rethrow(failure)
                end
                self.open();
                request.worker_session = self.Id;
                response = method(self.Connection, request);
            end
        end

        function stopHeartbeat(self)
            if ~isempty(self.Heartbeat)
                levada.internal.calls.gateway('beatStop', self.Heartbeat);
                self.Heartbeat = [];
            end
        end
    end
end
