function checkEqual(got, expected)
%CHECKEQUAL Fail the test if two values differ in class, shape or content; NaN equals NaN.

if ~strcmp(class(got), class(expected)) || ~isequaln(got, expected)
    error('test:failed', 'got %s\nexpected %s', shown(got), shown(expected));
end
end

function text = shown(value)
try
    text = sprintf('%s %s', class(value), jsonencode(value));
catch
    text = [class(value) ' ' evalc('disp(value)')];
end
end
