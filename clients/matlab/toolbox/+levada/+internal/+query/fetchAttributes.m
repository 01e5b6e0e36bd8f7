function varargout = fetchAttributes(relation, inputs, outputs)
%FETCHATTRIBUTES Fetch attributes as one column each; see levada.Relation/fetchn.
%
%   outputs  how many the caller requests: one more than the attributes for the keys

[words, exact] = levada.internal.inputs.takeOption(inputs, 'Exact', false);
plain = levada.internal.query.readOrder(words);
names = plain(cellfun(@ischar, cellfun(@levada.internal.inputs.plainText, plain, 'UniformOutput', false)));
names = cellfun(@levada.internal.query.projectedName, names, 'UniformOutput', false);
if isempty(names) || any(strcmp(names, '*'))
    levada.internal.errors.fail('InvalidRequest', 'fetchn takes the names of attributes, one for each output.');
end
withKeys = outputs == numel(names) + 1;
if ~withKeys
    levada.internal.inputs.checkOutputs('fetchn', names, outputs);
end
result = levada.internal.query.fetchResult(relation, [words, {'Exact', exact}]);
found = levada.internal.rows.columnNames(result);
varargout = cell(1, numel(names) + withKeys);
for index = 1:numel(names)
    column = result.columns{strcmp(found, names{index})};
    varargout{index} = levada.internal.rows.columnVector(column, exact);
end
if withKeys
    varargout{end} = levada.internal.rows.structRows(result, result.primary_key, exact);
end
end
