function text = shownJson(value)
%SHOWNJSON Return JSON that people read, such as that of a key. Octave's jsonencode refuses large whole numbers.

if isstruct(value) && isscalar(value)
    texts = cellfun(@levada.internal.values.shownJson, struct2cell(value), 'UniformOutput', false);
    names = cellfun(@jsonencode, fieldnames(value), 'UniformOutput', false);
    text = ['{' strjoin(reshape(strcat(names, ':', texts), 1, []), ',') '}'];
elseif isinteger(value) && isscalar(value)
    text = sprintf('%d', value);
else
    text = jsonencode(value);
end
end
