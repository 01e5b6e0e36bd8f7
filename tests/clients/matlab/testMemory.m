function tests = testMemory()
%TESTMEMORY Memory stays flat over many calls of public functions.

tests = localfunctions();
end

function bytes = test_many_calls(~, order)
insert(lab.Subject, struct('subject_id', num2cell((1:20)'), 'name', 'x', 'weight', 1));
insert(lab.Session, {1 1 '2026-01-05' rand(100)});
bytes = zeros(1, numel(order.calls));
for round = 1:numel(order.calls)
    for index = 1:order.calls(round)
        fetch(lab.Subject & 'subject_id > 5', '*');
        fetch1(lab.Session, 'rate');
        count(lab.Subject * lab.Session);
        update(lab.Subject, struct('subject_id', 1, 'weight', index));
    end
    bytes(round) = residentBytes();
end
end

function bytes = residentBytes()
found = regexp(fileread('/proc/self/status'), 'VmRSS:\s*(\d+) kB', 'tokens', 'once');
bytes = str2double(found{1}) * 1024;
end
