function response = sendRows(connection, method, messages)
%SENDROWS Send rows in one message if they fit, else as a stream of messages.
%
%   response = sendRows(connection, method, messages)
%
%   messages  as the method takes them: for InsertRows a header, then pieces

if strcmp(method, 'RowService/InsertRows') && numel(messages) == 2
    request = struct('header', messages{1}.header, 'arrow_ipc', messages{2}.arrow_ipc);
    response = levada.internal.calls.call(connection, '/levada_api.v1.RowService/InsertFewRows', request);
else
    response = levada.internal.calls.sendStream(connection, ['/levada_api.v1.' method], messages);
end
end
