function name = resultName(word)
% resultName  Give the name that an attribute has after a projection: 'new' of 'old->new'.

word = levada.internal.plainText(word);
if ~ischar(word)
    levada.internal.fail('InvalidRequest', 'An attribute is named by text, not by a %s.', class(word));
end
name = strtrim(regexprep(word, '^.*->', ''));
end
