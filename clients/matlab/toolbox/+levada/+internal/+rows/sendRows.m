function sendRows(connection, messages)
%SENDROWS Insert rows, in one message if they fit and no transaction is open, else as a stream of messages.
%
%   sendRows(connection, messages)
%
%   messages  those of InsertRows: a header, then pieces

if numel(messages) == 2 && ~connection.inTransaction()
    request = struct('header', messages{1}.header, 'arrow_ipc', messages{2}.arrow_ipc);
    levada.internal.api.insertFewRows(connection, request);
else
    levada.internal.api.insertRows(connection, messages);
end
end
