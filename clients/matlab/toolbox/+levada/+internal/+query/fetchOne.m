function varargout = fetchOne(relation, inputs)
%FETCHONE Fetch exactly one entity; see levada.Relation/fetch1.

[words, exact] = levada.internal.inputs.takeOption(inputs, 'Exact', false);
words = levada.internal.query.readOrder(words);
if isempty(words)
    words = {'*'};
end
names = words(cellfun(@ischar, cellfun(@levada.internal.inputs.plainText, words, 'UniformOutput', false)));
result = levada.internal.query.fetchResult(relation, [words, {2, 'Exact', exact}]);
if result.row_count == 0
    levada.internal.errors.fail('NotFound', ...
        'fetch1 needs exactly one entity and there is none. Restrict the query by a key that exists.');
elseif result.row_count > 1
    levada.internal.errors.fail('InvalidRequest', ...
        'fetch1 needs exactly one entity and there are several. Restrict the query by a whole key.');
end
row = levada.internal.rows.structRows(result, levada.internal.rows.columnNames(result), exact);
if isequal(names, {'*'})
    varargout = {row};
    return
end
names = cellfun(@levada.internal.query.projectedName, names, 'UniformOutput', false);
levada.internal.inputs.checkOutputs('fetch1', names, nargout);
varargout = cellfun(@(n) row.(n), names, 'UniformOutput', false);
end
