function [secret, token] = makeToken(varargin)
%MAKETOKEN Make a token, with which a program calls the server as its user. Its secret is shown only now.
%
%   secret = levada.makeToken('Label', 'rig 3')
%   secret = levada.makeToken('Label', 'analysis', 'Days', 90, 'Scopes', {'viewer:lab', 'worker:lab.Stat'})
%   secret = levada.makeToken(connection, ...)
%   [secret, token] = levada.makeToken(...)     also a struct as levada.listTokens returns it
%
%   Label   its purpose
%   Days    how long it is valid, 30 by default; Inf for administrators alone
%   Scopes  the most that it allows, as roles of schemas and tables; by default all that its user may do
%   User    the user, yourself by default; others for administrators alone
%
%   Errors: levada:PermissionDenied, levada:InvalidRequest (a scope is not of this form).
%
%   See also levada.listTokens, levada.revokeTokens, levada.connect

[connection, inputs] = levada.internal.credentials.connectionFirst(varargin);
named = levada.internal.inputs.readOptions(struct('Label', '', 'Days', 30, 'Scopes', {{}}, 'User', ''), inputs);
secondsOfDay = 86400;
request = struct('user', levada.internal.inputs.plainText(named.User), ...
    'label', levada.internal.inputs.plainText(named.Label));
days = named.Days;
if ~isnumeric(days) || ~isscalar(days) || ~isreal(days) || ~(days * secondsOfDay >= 1)
    levada.internal.errors.fail('InvalidRequest', ...
        'Days is a number above 0, at least a second, or Inf for a token without end.');
end
days = double(days);
if isinf(days)
    days = 0;
end
request.lifetime = levada.internal.values.durationMessage(days * secondsOfDay);
scopes = reshape(cellstr(levada.internal.inputs.plainText(named.Scopes)), 1, []);
if ~isempty(named.Scopes)
    request.scopes = cellfun(@scopeOf, scopes, 'UniformOutput', false);
end
answer = levada.internal.api.createToken(connection, request);
secret = answer.secret;
token = levada.internal.credentials.tokenFields(answer.token);
end

function scope = scopeOf(text)
words = regexp(text, '^([a-z]+):([^.]+)(?:\.(.+))?$', 'tokens', 'once');
if isempty(words)
    levada.internal.errors.fail('InvalidRequest', ...
        '''%s'' is not a scope; write one as ''viewer:lab'' or ''worker:lab.Spikes''.', text);
end
scope = struct('role', ['ROLE_' upper(words{1})], 'schema', words{2});
if numel(words) > 2 && ~isempty(words{3})
    scope.table = words{3};
end
end
