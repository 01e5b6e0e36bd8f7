function number = sendRows(connection, messages)
%SENDROWS Insert rows, in one message if they fit and no transaction is open, else as a stream of messages.
%
%   number = sendRows(connection, messages)
%
%   messages  those of InsertRows: a header, then pieces
%   number    how many rows are new or replaced

if numel(messages) == 2 && ~connection.inTransaction()
    request = struct('header', messages{1}.header, 'arrow_ipc', messages{2}.arrow_ipc);
    answer = levada.internal.api.insertFewRows(connection, request);
else
    answer = levada.internal.api.insertRows(connection, messages);
end
number = double(answer.row_count);
end
