function connection = defaultConnection(connection)
%DEFAULTCONNECTION Return or set the connection of schemas that have none of their own.
%
%   connection = defaultConnection()   returns it, or [] if there is none yet
%   defaultConnection(connection)      sets it

persistent current
if nargin > 0
    current = connection;
    mlock  % `clear all` ends variables, not the session with the server
end
connection = current;
end
