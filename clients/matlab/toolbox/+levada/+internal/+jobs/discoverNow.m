function number = discoverNow(table)
%DISCOVERNOW Look for the new rows of a table at once; see levada.Manual/discoverNow.

if ~levada.internal.jobs.hasDiscover(table)
    levada.internal.errors.fail('InvalidRequest', ...
        '`%s` has no discover: give its class a method rows = discover(self).', class(table));
end
connection = conn(table);
if connection.inTransaction() || ~isempty(levada.internal.jobs.currentWork())
    levada.internal.errors.fail('PreconditionFailed', ...
        'discover inserts rows by itself, and a transaction or a make is open; end it before.');
end
name = tableName(table);
session = levada.internal.jobs.WorkerSession(connection);
ending = onCleanup(@() session.close());
lease = session.reserveDiscovery(table, true);
if isempty(lease)
    levada.internal.errors.fail('PreconditionFailed', ...
        'A worker is looking for new rows of `%s` at this moment; wait until it has ended.', ...
        levada.internal.schema.fullName(name));
end
patience = 60;
outcome = levada.internal.jobs.runDiscovery(table, lease, patience);
if ~isempty(outcome.error)
    levada.internal.errors.raise(outcome.error);
end
number = outcome.rowCount;
end
