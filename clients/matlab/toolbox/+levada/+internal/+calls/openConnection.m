function connection = openConnection(given)
%OPENCONNECTION Return the connection of a schema or table.
%
%   connection = openConnection(given)
%
%   given  the connection that it was made with, or [] for that of levada.conn
%
%   A closed connection is replaced by the one that schemas use if that leads to the same address: a schema that is made
%   once per session outlives levada.connect.

connection = given;
if isempty(given)
    connection = levada.conn();
elseif isempty(given.Channel)
    current = levada.internal.calls.defaultConnection();
    if ~isempty(current) && ~isempty(current.Channel) && strcmp(current.Address, given.Address)
        connection = current;
    end
end
end
