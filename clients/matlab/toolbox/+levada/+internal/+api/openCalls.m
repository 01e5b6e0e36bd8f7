function session = openCalls(connection)
%OPENCALLS Carries small calls, each answered before the next is read and each as if it were made on its own: on a
%   stream that is open they take half the time.
%   The server may end the stream between two requests, as it does with one that is silent for a minute: then, as when
%   the stream is lost, make the call that has no answer on its own. What changes something is done once in all, by its
%   `request_id`, which it needs here. A call with a deadline is made on its own: there the client's clock holds,
%   whatever becomes of the server. RESOURCE_EXHAUSTED: there are too many streams; make calls on their own.
%   SESSION = OPENCALLS(CONNECTION) opens the stream of SessionService.OpenCalls. ASKSESSION speaks through it.
%
%   Request: OpenCallsRequest
%       describe_relation  DescribeRelationRequest: (one of `request`) As QueryService.DescribeRelation.
%       fetch_few_rows  FetchFewRowsRequest: (one of `request`) As QueryService.FetchFewRows.
%       count_relation  CountRelationRequest: (one of `request`) As QueryService.CountRelation.
%       check_existence  CheckExistenceRequest: (one of `request`) As QueryService.CheckExistence.
%       insert_few_rows  InsertFewRowsRequest: (one of `request`) As RowService.InsertFewRows.
%       update_row  UpdateRowRequest: (one of `request`) As RowService.UpdateRow.
%       catalog_version  int64: The highest version of the catalog that the client has seen, as the metadata
%           `levada-catalog-version` of a call on its own.
%
%   Response: OpenCallsResponse
%       error  Status: (one of `response`) It failed.
%       describe_relation  DescribeRelationResponse: (one of `response`) Answer to `describe_relation`.
%       fetch_few_rows  FetchFewRowsResponse: (one of `response`) Answer to `fetch_few_rows`.
%       count_relation  CountRelationResponse: (one of `response`) Answer to `count_relation`.
%       check_existence  CheckExistenceResponse: (one of `response`) Answer to `check_existence`.
%       insert_few_rows  InsertFewRowsResponse: (one of `response`) Answer to `insert_few_rows`.
%       update_row  UpdateRowResponse: (one of `response`) Answer to `update_row`.
%       catalog_version  int64: The version of the catalog, as the trailer `levada-catalog-version` of a call on its
%           own.
%       warnings  cell of char: What the caller is told each time, as the trailers `levada-warning-bin`.
%       notices  cell of char: What the caller is told once, as the trailers `levada-notice-bin`.
%
%   Written by generate_stubs.py from proto/.

session = levada.internal.calls.openSession(connection);
end
