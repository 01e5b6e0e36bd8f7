function columns = conditionColumns(conditions)
%CONDITIONCOLUMNS Turn a struct array of equalities into columns, or [] if their values are of mixed or large kinds.

columns = struct('kind', {}, 'values', {}, 'name', {}, 'type', {}, 'nulls', {});
names = fieldnames(conditions);
for index = 1:numel(names)
    values = reshape({conditions.(names{index})}, [], 1);
    isNumber = cellfun(@(v) (isnumeric(v) || islogical(v)) && isscalar(v) && isreal(v) && ~isnan(v), values);
    isText = cellfun(@(v) ischar(v) && isrow(v), values);
    if ~all(isNumber) && ~all(isText)
        columns = [];
        return
    end
    attribute = struct('name', names{index}, 'type', 'unknown');
    columns(end + 1) = levada.internal.rows.attributeColumn(values, attribute, 'condition', true); %#ok<AGROW>
end
end
