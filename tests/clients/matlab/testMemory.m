function tests = testMemory()
%TESTMEMORY Memory stays flat over many calls of public functions.

tests = localfunctions();
end

function bytes = test_many_calls(~, order)
% Ten calls in each round; return the memory after the last.
inserti(lab.Subject, struct('subject_id', num2cell((1:20)'), 'name', 'x', 'weight', 1));
inserti(lab.Session, {1 1 '2026-01-05' rand(100)});
for round = 1:order.rounds
    fetch(lab.Subject & 'subject_id > 5', '*');
    fetch1(lab.Session, 'rate');
    update(lab.Subject, struct('subject_id', 1, 'weight', round));
    for index = 1:7
        count(lab.Subject);
    end
end
bytes = residentBytes();
end

function bytes = residentBytes()
found = regexp(fileread('/proc/self/status'), 'VmRSS:\s*(\d+) kB', 'tokens', 'once');
bytes = str2double(found{1}) * 1024;
end
