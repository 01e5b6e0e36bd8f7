function session = openSession(connection)
%OPENSESSION Open a stream that carries a transaction; ENDSESSION ends it.

session = levada.internal.Session(connection.Channel);
end
