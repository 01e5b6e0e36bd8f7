function serve_tests()
%SERVE_TESTS Run tests one by one, as lines on standard input ask: the other half of octave.py.
%
%   A line is JSON: folder, file, test (the name of a function in that file), address, arguments. The answer is a line
%   that begins with @@ and is JSON: ok, message, stack, value.

while true
    line = fgetl(stdin);
    if ~ischar(line)
        return
    end
    if isempty(line)
        continue
    end
    order = jsondecode(line);
    answer = struct('ok', true, 'message', '', 'stack', '', 'value', []);
    try
        answer.value = runTest(order);
    catch failure
        answer.ok = false;
        answer.message = [failure.identifier ': ' failure.message];
        lines = arrayfun(@(s) sprintf('%s, line %d', s.name, s.line), failure.stack, 'UniformOutput', false);
        answer.stack = strjoin(reshape(lines, 1, []), char(10));
    end
    printf('@@%s\n', jsonencode(answer));
    fflush(stdout);
end
end

function value = runTest(order)
value = [];
if ~isempty(order.folder)
    addpath(order.folder);
end
connection = [];
if ~isempty(order.address)
    connection = levada.connect(order.address);
    closing = onCleanup(@() connection.close());
end
levada.config('safemode', false);
tests = feval(order.file);
names = cellfun(@func2str, tests, 'UniformOutput', false);
test = tests{strcmp(names, order.test)};
inputs = {connection, order.arguments};
inputs = inputs(1:nargin(test));
if nargout(test) > 0
    value = test(inputs{:});
else
    test(inputs{:});
end
end
