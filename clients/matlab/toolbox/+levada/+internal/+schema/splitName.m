function [package, name] = splitName(className)
%SPLITNAME Split the name of a class: 'lab.Session' into 'lab' and 'Session'.

dots = find(className == '.');
if isempty(dots)
    package = '';
    name = className;
else
    package = className(1:dots(end) - 1);
    name = className(dots(end) + 1:end);
end
end
