function response = getJobHistory(connection, request, varargin)
%GETJOBHISTORY Return how many jobs of a table finished when, and how long they took.
%   RESPONSE = GETJOBHISTORY(CONNECTION, REQUEST, SECONDS) calls JobService.GetJobHistory. SECONDS is a deadline, and
%   may be left out.
%
%   Request: GetJobHistoryRequest
%       name  TableName: The table.
%       span  Duration: How far back; 1 min to 366 days, unset: 1 day.
%       period_count  double: Into how many periods of equal length to divide it; 0: 60, at most 1 000. Negative is
%           refused.
%
%   Response: GetJobHistoryResponse
%       periods  cell of JobPeriod: The periods in which a job finished, the earliest first.
%       start_time  Timestamp: From when on the counts are whole. At most the last 50 000 jobs that succeeded, and as
%           many that failed, are read.
%       end_time  Timestamp: The end of the last period: now, by the server's clock.
%       jobs_per_second  double: How many jobs finish per second now, by the last 1 000 of them within the span; 0 if
%           fewer than 2 did.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/GetJobHistory', request, varargin{:});
end
