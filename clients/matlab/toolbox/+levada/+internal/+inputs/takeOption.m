function [words, value] = takeOption(words, name, default)
%TAKEOPTION Take one named option out of the arguments of a method that takes words as well.
%
%   [words, value] = takeOption(words, name, default)

if any(cellfun('isclass', words, 'string'))
    words = cellfun(@levada.internal.inputs.plainText, words, 'UniformOutput', false);
end
value = default;
at = find(strcmp(words, name), 1, 'last');
if ~isempty(at)
    if at == numel(words)
        levada.internal.errors.fail('InvalidRequest', 'The option ''%s'' has no value.', name);
    end
    value = words{at + 1};
    words(at:at + 1) = [];
end
end
