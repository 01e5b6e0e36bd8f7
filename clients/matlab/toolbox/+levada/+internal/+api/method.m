function found = method(name)
%METHOD Describe a method of the protocol.
%   FOUND = METHOD('QueryService/CountRelation') returns a struct with these fields.
%
%       reads          logical: It changes nothing.
%       idempotent     logical: It reads, or repeating it changes nothing more.
%       idField        char: The field of its request, or of its first, that carries the id under which it has one
%                      effect: 'request_id', 'header.request_id', or ''.
%       sessionField   char: The field of OpenSessionRequest and OpenSessionResponse that carries it, or ''.
%       takesLease     logical: Its request has a field `lease_token`.
%       takesReceipt   logical: Its request has a field `read_receipt`.
%
%   Errors: levada:InvalidRequest (the protocol has no such method).
%
%   Written by generate_stubs.py from proto/.

persistent methods
if isempty(methods)
    methods = allMethods();
end
try
    found = methods.(strrep(name, '/', '_'));
catch
    levada.internal.errors.fail('InvalidRequest', '`%s` is not a method of the protocol.', name);
end
end

function methods = allMethods()
methods = struct();
methods.AccessService_StartLogin = described(false, false, '', '', false, false);
methods.AccessService_PollLogin = described(false, false, '', '', false, false);
methods.AccessService_GetCaller = described(true, true, '', '', false, false);
methods.AccessService_CreateUser = described(false, false, 'request_id', '', false, false);
methods.AccessService_UpdateUser = described(false, true, '', '', false, false);
methods.AccessService_ListUsers = described(true, true, '', '', false, false);
methods.AccessService_SetTeam = described(false, true, '', '', false, false);
methods.AccessService_CreateToken = described(false, false, '', '', false, false);
methods.AccessService_ListTokens = described(true, true, '', '', false, false);
methods.AccessService_RevokeTokens = described(false, true, '', '', false, false);
methods.AccessService_GrantRole = described(false, true, '', '', false, false);
methods.AccessService_RevokeRole = described(false, true, '', '', false, false);
methods.AccessService_ListGrants = described(true, true, '', '', false, false);
methods.AccessService_OpenDashboard = described(false, false, '', '', false, false);
methods.AccessService_ExchangeCode = described(false, false, '', '', false, false);
methods.AccessService_CreateBrowserSession = described(false, false, '', '', false, false);
methods.AccessService_DeleteBrowserSession = described(false, true, '', '', false, false);
methods.RowService_InsertRows = described(false, false, 'header.request_id', 'insert_rows', false, false);
methods.RowService_InsertFewRows = described(false, false, 'header.request_id', '', false, false);
methods.RowService_CheckRows = described(true, true, '', '', false, false);
methods.RowService_InsertRelation = described(false, false, 'request_id', 'insert_relation', true, true);
methods.RowService_UpdateRow = described(false, false, 'request_id', 'update_row', true, false);
methods.RowService_PlanDelete = described(true, true, '', 'plan_delete', false, false);
methods.RowService_DeleteRows = described(false, false, 'request_id', 'delete_rows', true, false);
methods.RowService_EraseRows = described(false, false, 'request_id', '', false, false);
methods.JobService_CreateWorkerSession = described(false, false, '', '', false, false);
methods.JobService_RenewWorkerSessions = described(false, true, '', '', false, false);
methods.JobService_DeleteWorkerSession = described(false, true, '', '', false, false);
methods.JobService_RefreshJobs = described(false, true, '', '', false, false);
methods.JobService_ReserveJobs = described(false, false, '', '', false, false);
methods.JobService_CompleteJobs = described(false, true, '', '', false, false);
methods.JobService_CompleteFewJobs = described(false, true, '', '', false, false);
methods.JobService_FailJob = described(false, true, '', '', true, false);
methods.JobService_ReleaseJobs = described(false, false, '', '', false, false);
methods.JobService_IgnoreJobs = described(false, false, '', '', false, false);
methods.JobService_RetryJobs = described(false, false, '', '', false, false);
methods.JobService_CancelJobs = described(false, false, '', '', false, false);
methods.JobService_LeaseResults = described(true, true, '', '', false, false);
methods.JobService_ReplaceResults = described(false, true, '', '', false, false);
methods.JobService_ReserveDiscovery = described(false, false, '', '', false, false);
methods.JobService_CompleteDiscovery = described(false, true, '', '', true, false);
methods.JobService_ListDiscoveries = described(true, true, '', '', false, false);
methods.JobService_ListJobs = described(true, true, '', '', false, false);
methods.JobService_ListEnvironments = described(true, true, '', '', false, false);
methods.JobService_GetProgress = described(true, true, '', '', false, false);
methods.JobService_WatchProgress = described(true, true, '', '', false, false);
methods.JobService_GetJobHistory = described(true, true, '', '', false, false);
methods.JobService_ListWorkers = described(true, true, '', '', false, false);
methods.ObjectService_ListStores = described(true, true, '', '', false, false);
methods.ObjectService_StageObject = described(false, false, '', '', false, false);
methods.ObjectService_UploadObject = described(false, false, '', '', false, false);
methods.ObjectService_GetUpload = described(true, true, '', '', false, false);
methods.ObjectService_BeginParts = described(false, true, '', '', false, false);
methods.ObjectService_SignParts = described(true, true, '', '', false, false);
methods.ObjectService_CommitObject = described(false, true, '', '', false, false);
methods.ObjectService_RegisterFile = described(false, true, '', '', false, false);
methods.ObjectService_ListStoreFiles = described(true, true, '', '', false, false);
methods.ObjectService_RegisterFiles = described(false, true, '', '', false, false);
methods.ObjectService_DownloadObject = described(true, true, '', '', false, false);
methods.ObjectService_ListObjectFiles = described(true, true, '', '', false, false);
methods.ObjectService_CollectObjects = described(false, false, '', '', false, false);
methods.ObjectService_ListObjects = described(true, true, '', '', false, false);
methods.ObjectService_VerifyObjects = described(true, true, '', '', false, false);
methods.ObjectService_CopyObjects = described(false, true, '', '', false, false);
methods.ObjectService_ListObjectUsage = described(true, true, '', '', false, false);
methods.QueryService_DescribeRelation = described(true, true, '', 'describe_relation', false, false);
methods.QueryService_FetchRelation = described(true, true, '', 'fetch_relation', true, true);
methods.QueryService_FetchFewRows = described(true, true, '', '', false, false);
methods.QueryService_CountRelation = described(true, true, '', 'count_relation', true, true);
methods.QueryService_CheckExistence = described(true, true, '', 'check_existence', true, true);
methods.QueryService_PrefetchReads = described(true, true, '', '', false, false);
methods.QueryService_ExplainRelation = described(true, true, '', '', false, false);
methods.RecordingService_CreateRecording = described(false, true, '', '', false, false);
methods.RecordingService_ListRecordings = described(true, true, '', '', false, false);
methods.RecordingService_ListRecordedReads = described(true, true, '', '', false, false);
methods.RecordingService_DeleteRecording = described(false, true, '', '', false, false);
methods.SchemaService_CreateSchema = described(false, false, 'request_id', '', false, false);
methods.SchemaService_RenameSchema = described(false, false, 'request_id', '', false, false);
methods.SchemaService_UpdateSchema = described(false, true, '', '', false, false);
methods.SchemaService_SetOwnership = described(false, true, '', '', false, false);
methods.SchemaService_RaiseNextNumber = described(false, true, '', '', false, false);
methods.SchemaService_DropSchema = described(false, false, 'request_id', '', false, false);
methods.SchemaService_ListSchemas = described(true, true, '', '', false, false);
methods.SchemaService_DeclareTable = described(false, true, 'request_id', '', false, false);
methods.SchemaService_PlanAlteration = described(true, true, '', '', false, false);
methods.SchemaService_AlterTable = described(false, false, 'request_id', '', false, false);
methods.SchemaService_DescribeTable = described(true, true, '', '', false, false);
methods.SchemaService_ListTables = described(true, true, '', '', false, false);
methods.SchemaService_PlanDrop = described(true, true, '', '', false, false);
methods.SchemaService_DropTables = described(false, false, 'request_id', '', false, false);
methods.SchemaService_LayOutGraph = described(true, true, '', '', false, false);
methods.SchemaService_GetGraph = described(true, true, '', '', false, false);
methods.ServerService_GetServerInfo = described(true, true, '', '', false, false);
methods.SessionService_OpenSession = described(false, false, '', '', false, false);
methods.SessionService_OpenCalls = described(false, false, '', '', false, false);
end

function found = described(reads, idempotent, idField, sessionField, takesLease, takesReceipt)
found = struct('reads', reads, 'idempotent', idempotent, 'idField', idField, 'sessionField', sessionField, ...
    'takesLease', takesLease, 'takesReceipt', takesReceipt);
end
