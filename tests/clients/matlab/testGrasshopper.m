function tests = testGrasshopper()
%TESTGRASSHOPPER The MATLAB part of the example's test.

tests = localfunctions();
end

function test_populate(~, order)
for name = reshape(order.tables, 1, [])
    table = feval(['grasshopper.' name{1}]);
    populate(table, order.restriction);
    checkEqual(progress(table, order.restriction), 0);
end
end

function counts = test_work(~, order)
% Serve a table until all is computed; the output shows the progress.
levada.worker(feval(['grasshopper.' order.table]), 'Drain', true, 'MaxJobs', order.most);
counts = getpid();
end
