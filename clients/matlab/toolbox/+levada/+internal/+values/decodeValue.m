function value = decodeValue(blob, exact)
%DECODEVALUE Read the bytes of a <blob>.
%   VALUE = DECODEVALUE(BLOB) returns numbers as double, except int64 and uint64, which keep their class.
%   VALUE = DECODEVALUE(BLOB, true) keeps stored classes, and distinguishes kinds that MATLAB does not.

value = levada.internal.calls.gateway('decodeValue', blob, nargin > 1 && exact);
end
