function response = sendRows(connection, method, messages)
%SENDROWS Call a method that takes a stream of messages, or send rows that fit into one message in one.
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
