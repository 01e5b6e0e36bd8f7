function session = openSession(connection)
%OPENSESSION Carry transactions: requests one at a time, each answered before the next is read.
%   These requests pass the same checks as the calls of the other services. The server ends a session whose client
%   stays silent, between two requests or within an insert: after its limit on idle transactions (RESOURCE_EXHAUSTED),
%   and without a transaction after a minute (UNAVAILABLE). RESOURCE_EXHAUSTED at once: there are too many sessions.
%   SESSION = OPENSESSION(CONNECTION) opens the stream of SessionService.OpenSession. ASKSESSION speaks through it.
%
%   Request: OpenSessionRequest
%       begin  Begin: (one of `request`) Begin a transaction. PRECONDITION_FAILED if one is open.
%       savepoint  Savepoint: (one of `request`) Set a savepoint.
%       commit  Commit: (one of `request`) Commit.
%       roll_back  RollBack: (one of `request`) Roll back.
%       describe_relation  DescribeRelationRequest: (one of `request`) As QueryService.DescribeRelation.
%       fetch_relation  FetchRelationRequest: (one of `request`) As QueryService.FetchRelation.
%       count_relation  CountRelationRequest: (one of `request`) As QueryService.CountRelation.
%       check_existence  CheckExistenceRequest: (one of `request`) As QueryService.CheckExistence.
%       insert_rows  InsertRowsRequest: (one of `request`) As RowService.InsertRows: first the header, then pieces.
%       insert_relation  InsertRelationRequest: (one of `request`) As RowService.InsertRelation.
%       update_row  UpdateRowRequest: (one of `request`) As RowService.UpdateRow.
%       plan_delete  PlanDeleteRequest: (one of `request`) As RowService.PlanDelete.
%       delete_rows  DeleteRowsRequest: (one of `request`) As RowService.DeleteRows.
%       cancel  Cancel: (one of `request`) Cancel the running request.
%       complete_job  JobHeader: (one of `request`) As JobService.CompleteJobs for one job, whose rows were written in
%           this transaction under its lease; then commit. PRECONDITION_FAILED if no transaction is open.
%       timeout  Duration: How long this request may take; unset: the server's limit.
%       more  logical: More rows of this insert follow.
%       unanswered  logical: Send no answer; only for `insert_rows` (in its first message) and `update_row`, in a
%           transaction. If the request fails, so does each later one, with its error, until the client rolls back. So
%           a client can send many without waiting, and learns the outcome of all with the next answer. Feature
%           `unanswered_requests`.
%
%   Response: OpenSessionResponse
%       error  Status: (one of `response`) It failed; the transaction is as before the request.
%       describe_relation  DescribeRelationResponse: (one of `response`) Answer to `describe_relation`.
%       fetch_relation  FetchRelationResponse: (one of `response`) Answers to `fetch_relation`.
%       count_relation  CountRelationResponse: (one of `response`) Answer to `count_relation`.
%       check_existence  CheckExistenceResponse: (one of `response`) Answer to `check_existence`.
%       insert_rows  InsertRowsResponse: (one of `response`) Answer to `insert_rows`.
%       insert_relation  InsertRelationResponse: (one of `response`) Answer to `insert_relation`.
%       update_row  UpdateRowResponse: (one of `response`) Answer to `update_row`.
%       plan_delete  PlanDeleteResponse: (one of `response`) Answer to `plan_delete`.
%       delete_rows  DeleteRowsResponse: (one of `response`) Answer to `delete_rows`.
%       complete_job  JobOutcome: (one of `response`) Answer to `complete_job`.
%       more  logical: More answers to the same request follow.
%       unanswered_position  double: With the error of an earlier request without answer: how many such requests came
%           since the last answer or the failure, up to it. Otherwise 0.
%
%   Written by generate_stubs.py from proto/.

session = connection.open('SessionService/OpenSession');
end
