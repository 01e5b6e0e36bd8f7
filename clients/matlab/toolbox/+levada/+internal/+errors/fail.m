function fail(reason, template, varargin)
%FAIL Raise the error `levada:<reason>`.
%
%   fail(reason, template, ...)
%
%   reason    a name of the protocol's ErrorReason in UpperCamelCase
%   template  as sprintf takes it, followed by its values

message = sprintf(template, varargin{:});
% The message of a struct is not a template, so percent signs in it stay.
error(struct('message', message, 'identifier', ['levada:' reason]));
end
