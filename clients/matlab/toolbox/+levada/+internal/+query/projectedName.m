function name = projectedName(word)
%PROJECTEDNAME Return the name that an attribute has after a projection: 'new' of 'old->new'.

word = levada.internal.inputs.plainText(word);
if ~ischar(word)
    levada.internal.errors.fail('InvalidRequest', 'An attribute is named by text, not by a %s.', class(word));
end
name = strtrim(regexprep(word, '^.*->', ''));
end
