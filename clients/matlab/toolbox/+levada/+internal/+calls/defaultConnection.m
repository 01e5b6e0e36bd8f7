function connection = defaultConnection(connection)
% defaultConnection  Keep the connection of schemas that were given none.
%
%   connection = defaultConnection()   gives it, [] where there is none yet
%   defaultConnection(connection)      sets it

persistent current
if nargin > 0
    current = connection;
    mlock  % `clear all` ends variables, not the session with the server
end
connection = current;
end
