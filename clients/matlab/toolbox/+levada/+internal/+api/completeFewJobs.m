function response = completeFewJobs(connection, request, varargin)
%COMPLETEFEWJOBS Complete jobs with few rows in one message: jobs whose inserts are alike share streams of rows, which
%   is quicker.
%   RESPONSE = COMPLETEFEWJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.CompleteFewJobs. SECONDS is a deadline,
%   and may be left out.
%
%   Request: CompleteFewJobsRequest
%       groups  cell of JobGroup: The jobs. Together they must not exceed the limit `jobs` or the limit of a message.
%
%   Response: CompleteFewJobsResponse
%       outcomes  cell of JobOutcome: One per job, in the order of the request.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/CompleteFewJobs', request, varargin{:});
end
