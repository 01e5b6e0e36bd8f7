function blob = encodeValue(value, path)
%ENCODEVALUE Write a value as the bytes of a <blob>.
%   BLOB = ENCODEVALUE(VALUE, PATH) calls the value PATH in errors, which say what in it cannot be stored.

if nargin < 2
    path = 'value';
end
blob = levada.internal.calls.gateway('encodeValue', value, path);
end
