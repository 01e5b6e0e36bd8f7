function response = completeFewJobs(connection, request, varargin)
%COMPLETEFEWJOBS The same in one message, for jobs with few rows: those whose inserts are alike share streams of rows,
%   which is quicker.
%   RESPONSE = COMPLETEFEWJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.CompleteFewJobs. SECONDS is a deadline,
%   and may be left out.
%
%   Request: CompleteFewJobsRequest
%       groups  cell of JobGroup: The jobs. All together are at most the limit `jobs`, and stay below the limit of a
%           message.
%
%   Response: CompleteFewJobsResponse
%       outcomes  cell of JobOutcome: One per job, in the order of the request.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.JobService/CompleteFewJobs', request, varargin{:});
end
