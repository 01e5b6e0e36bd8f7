function blob = encodeValue(value, path)
%ENCODEVALUE Return the bytes of a <blob> for a value.
%   BLOB = ENCODEVALUE(VALUE, PATH) calls the value PATH in errors, which name the part that cannot be stored.

if nargin < 2
    path = 'value';
end
blob = levada.internal.calls.gateway('encodeValue', value, path);
end
