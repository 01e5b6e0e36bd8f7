function fail(reason, template, varargin)
% fail  Raise the error `levada:<reason>`.
%
%   fail(reason, template, ...)
%
%   reason    as ErrorReason of the protocol has it, in UpperCamelCase
%   template  as of sprintf, with its values behind it

message = sprintf(template, varargin{:});
% A message from a struct is taken as it is, whatever percent signs it has.
error(struct('message', message, 'identifier', ['levada:' reason]));
end
