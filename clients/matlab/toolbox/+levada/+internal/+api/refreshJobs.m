function response = refreshJobs(connection, request, varargin)
%REFRESHJOBS Make jobs of what the key source has and the table has not.
%   Idempotent.
%   RESPONSE = REFRESHJOBS(CONNECTION, REQUEST, SECONDS) calls JobService.RefreshJobs. SECONDS is a deadline, and may
%   be left out.
%
%   Request: RefreshJobsRequest
%       name  TableName: The table.
%       key_source  Relation: Only for keys of the key source that meet all of these: a relation whose root restricts
%           the key source node. Unset: the table's own key source.
%       priority  double: Urgency of new jobs: 0 first. Unset: 5.
%       delay  Duration: New jobs wait this long. Unset: not at all.
%       retry_errors  logical: Make jobs pending again that failed.
%       periodic  logical: One of many workers asks now and then: where the table is being refreshed, or was a moment
%           ago, nothing is done, and the counts are 0. Not with a key source, nor `retry_errors`.
%
%   Response: RefreshJobsResponse
%       added_count  int64: Jobs that are new.
%       removed_count  int64: Jobs that went because their key left the key source.
%       reset_count  int64: Jobs that are pending again: their result was deleted, or they failed and `retry_errors`
%           was set.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.JobService/RefreshJobs', request, varargin{:});
end
