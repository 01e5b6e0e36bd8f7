function session = openSession(connection)
%OPENSESSION Open a stream that carries a transaction; ENDSESSION ends it.

session = levada.internal.calls.SessionStream(connection.Channel);
end
