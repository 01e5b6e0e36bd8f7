function session = openSession(connection)
%OPENSESSION Open a stream that carries a transaction; ENDSESSION ends it.

session = levada.internal.calls.Session(connection.Channel);
end
