function kind = typeKind(spelling)
%TYPEKIND Return the kind of an attribute's type: 'varchar' of 'varchar(40)', 'blob' of '<blob>'.
%   Other code knows only the kinds of this function. A type whose values are handled like another's has its kind, as
%   types whose values lie in a store are all of the kind 'object'.
%   A type with a codec of Python, '<graph: <blob>>', has the kind of its stored type.

codec = regexp(spelling, '^<\s*\w+(?:@\w*)?\s*:\s*(.*)>$', 'tokens', 'once');
if ~isempty(codec)
    kind = levada.internal.values.typeKind(codec{1});
    return
end
word = regexp(spelling, '^\s*<?\s*([a-z]+[0-9]*)', 'tokens', 'once');
kind = spelling;
if ~isempty(word)
    kind = word{1};
end
beforeBracket = regexp(spelling, '^[^(]*', 'match', 'once');
if any(strcmp(kind, {'hash', 'attach', 'filepath', 'object', 'npy'})) || any(beforeBracket == '@')
    kind = 'object';
end
end
