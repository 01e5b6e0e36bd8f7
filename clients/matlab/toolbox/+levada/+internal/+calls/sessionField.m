function field = sessionField(method)
% sessionField  Give the field of a session's requests that carries a method; '' where transactions do not serve it.

switch method
    case 'QueryService/DescribeRelation'
        field = 'describe_relation';
    case 'QueryService/FetchRelation'
        field = 'fetch_relation';
    case 'QueryService/CountRelation'
        field = 'count_relation';
    case 'QueryService/CheckExistence'
        field = 'check_existence';
    case 'RowService/InsertRows'
        field = 'insert_rows';
    case 'RowService/InsertRelation'
        field = 'insert_relation';
    case 'RowService/UpdateRow'
        field = 'update_row';
    case 'RowService/PlanDelete'
        field = 'plan_delete';
    case 'RowService/DeleteRows'
        field = 'delete_rows';
    otherwise
        field = '';
end
end
