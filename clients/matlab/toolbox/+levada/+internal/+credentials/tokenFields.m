function fields = tokenFields(token)
%TOKENFIELDS Return what users read of a token, as a struct; without one, the struct of none.

fields = struct('id', '', 'user', '', 'label', '', 'validUntil', '', 'used', '', 'scoped', false, 'scopes', {{}});
if nargin == 0
    return
end
for name = {'id', 'user', 'label', 'scoped'}
    if isfield(token, name{1})
        fields.(name{1}) = token.(name{1});
    end
end
if isfield(token, 'expire_time')
    fields.validUntil = levada.internal.values.momentText(token.expire_time);
end
if isfield(token, 'use_time')
    fields.used = levada.internal.values.momentText(token.use_time);
end
if isfield(token, 'scopes')
    fields.scopes = cellfun(@scopeText, token.scopes, 'UniformOutput', false);
end
end

function text = scopeText(scope)
text = [lower(strrep(scope.role, 'ROLE_', '')) ':' scope.schema];
if isfield(scope, 'table') && ~isempty(scope.table)
    text = [text '.' scope.table];
end
end
