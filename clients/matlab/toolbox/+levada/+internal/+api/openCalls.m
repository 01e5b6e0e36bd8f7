function session = openCalls(connection)
%OPENCALLS Carry small calls, each independent, and each answered before the next is read; an open stream halves their
%   time.
%   The server may end the stream between two requests, for example after a minute of silence. Then, or if the stream
%   is lost, make the unanswered call as a separate call. A call that changes something needs its `request_id` here, so
%   that it takes effect only once. A call with a deadline is made as a separate call, where the client's clock applies
%   even if the server is stuck. RESOURCE_EXHAUSTED: there are too many streams; make separate calls.
%   SESSION = OPENCALLS(CONNECTION) opens the stream of SessionService.OpenCalls. ASKSESSION speaks through it.
%
%   Request: OpenCallsRequest
%       describe_relation  DescribeRelationRequest: (one of `request`) As QueryService.DescribeRelation.
%       fetch_few_rows  FetchFewRowsRequest: (one of `request`) As QueryService.FetchFewRows.
%       count_relation  CountRelationRequest: (one of `request`) As QueryService.CountRelation.
%       check_existence  CheckExistenceRequest: (one of `request`) As QueryService.CheckExistence.
%       insert_few_rows  InsertFewRowsRequest: (one of `request`) As RowService.InsertFewRows.
%       update_row  UpdateRowRequest: (one of `request`) As RowService.UpdateRow.
%       catalog_version  int64: The highest version of the catalog that the client has seen, like the metadata
%           `levada-catalog-version` of a separate call.
%
%   Response: OpenCallsResponse
%       error  Status: (one of `response`) It failed.
%       describe_relation  DescribeRelationResponse: (one of `response`) Answer to `describe_relation`.
%       fetch_few_rows  FetchFewRowsResponse: (one of `response`) Answer to `fetch_few_rows`.
%       count_relation  CountRelationResponse: (one of `response`) Answer to `count_relation`.
%       check_existence  CheckExistenceResponse: (one of `response`) Answer to `check_existence`.
%       insert_few_rows  InsertFewRowsResponse: (one of `response`) Answer to `insert_few_rows`.
%       update_row  UpdateRowResponse: (one of `response`) Answer to `update_row`.
%       catalog_version  int64: The version of the catalog, like the trailer `levada-catalog-version` of a separate
%           call.
%       warnings  cell of char: Warnings to show each time, like the trailers `levada-warning-bin`.
%       notices  cell of char: Notices to show once, like the trailers `levada-notice-bin`.
%
%   Written by generate_stubs.py from proto/.

session = connection.open('SessionService/OpenCalls');
end
