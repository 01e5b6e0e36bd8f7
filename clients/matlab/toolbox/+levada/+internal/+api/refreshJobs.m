function response = refreshJobs(connection, request, varargin)
%REFRESHJOBS Create jobs for keys that the key source has and the table does not.
%   Idempotent.
%   RESPONSE = REFRESHJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.RefreshJobs. SECONDS is a deadline, and may
%   be left out.
%
%   Request: RefreshJobsRequest
%       name  TableName: The table.
%       key_source  Relation: Only for keys of the key source that meet all of these: a relation whose root restricts
%           the key source node. Unset: the table's own key source.
%       priority  double: Urgency of new jobs: 0 first. Unset: 5.
%       delay  Duration: Delay of new jobs. Unset: none.
%       retry_errors  logical: Make failed jobs pending again.
%       periodic  logical: This is a routine request from one of many workers: if the table is being refreshed, or was
%           a moment ago, nothing is done, and the counts are 0. Not together with a key source, `retry_errors` or
%           `ask_unready`.
%       ask_unready  logical: Let jobs whose `make` inserted nothing when it last ran be reserved at once, rather than
%           after their delay.
%
%   Response: RefreshJobsResponse
%       added_count  int64: How many jobs are new.
%       removed_count  int64: How many jobs were removed because their key left the key source.
%       reset_count  int64: How many jobs are pending again, because their result was deleted, or by `retry_errors` or
%           `ask_unready`.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/RefreshJobs', request, varargin{:});
end
