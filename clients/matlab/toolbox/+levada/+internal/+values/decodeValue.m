function value = decodeValue(blob, exact)
%DECODEVALUE Read the bytes of a <blob>.
%   VALUE = DECODEVALUE(BLOB) returns numbers as double, int64 and uint64 as they are.
%   VALUE = DECODEVALUE(BLOB, true) keeps stored classes, and distinguishes kinds that MATLAB does not.

value = levada.internal.calls.gateway('decodeValue', blob, nargin > 1 && exact);
end
