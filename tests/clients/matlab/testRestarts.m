function tests = testRestarts()
%TESTRESTARTS The MATLAB side of a killed and restarted server; test_restarts.py kills it.

tests = localfunctions();
end

function test_fill(~)
insert(lab.Subject, struct('subject_id', 1));
insert(lab.Session, {1 1 '2026-01-05' []});
count(lab.Slow);
end

function reason = test_populate(~, order)
levada.config('awaited_file', order.file);
reason = '';
try
    populate(lab.Slow, 'Patience', order.patience);
catch failure
    reason = failure.identifier;
end
end

function number = test_count(~)
number = count(lab.Slow);
end

function begun = test_begin(connection, order)
fprintf('connected\n');
fflush(stdout);
while isempty(dir(order.file))
    pause(0.01);
end
connection.startTransaction();
begun = connection.inTransaction();
connection.cancelTransaction();
end

function seconds = test_close(connection, order)
session = levada.internal.jobs.WorkerSession(connection);
fprintf('has a session\n');
fflush(stdout);
while isempty(dir(order.file))
    pause(0.01);
end
started = tic();
session.close();
seconds = toc(started);
end
