function answer = fitsPattern(names, pattern)
%FITSPATTERN Return which names fit a pattern such as *.h5: * is anything, ? one letter, [abc] one of these, [!abc] another.
% An empty pattern fits all.

pattern = levada.internal.inputs.plainText(pattern);
if isempty(pattern)
    answer = true(size(names));
    return
end
expression = regexptranslate('escape', pattern);
expression = strrep(strrep(expression, '\*', '.*'), '\?', '.');
expression = regexprep(expression, '\\\[!(.+?)\\\]', '[^$1]');
expression = regexprep(expression, '\\\[(.+?)\\\]', '[$1]');
answer = ~cellfun(@isempty, regexp(names, ['^' expression '$'], 'once'));
end
