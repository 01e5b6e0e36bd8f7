function answer = isRepeatable(method, request)
%ISREPEATABLE Return whether sending a request again has no further effect.
%   ANSWER = ISREPEATABLE(METHOD, REQUEST) takes the path of a method and its request, or the first request of a stream.
%   The method is idempotent, or the request carries an id under which it has one effect.

known = levada.internal.api.method(strrep(method, '/levada_api.v1.', ''));
answer = known.idempotent;
if ~answer && ~isempty(known.idField)
    for name = strsplit(known.idField, '.')
        if ~isfield(request, name{1})
            return
        end
        request = request.(name{1});
    end
    answer = ~isempty(request);
end
end
