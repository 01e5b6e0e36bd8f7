function tests = unchangedFilesOf()
%UNCHANGEDFILESOF What levada.unchangedFiles finds, for tests in Python.

tests = localfunctions();
end

function found = files(~, given)
found = levada.unchangedFiles(given.place, 'Minutes', given.minutes, 'Pattern', given.pattern);
end

function unread = unread(~, given)
[~, unread] = levada.unchangedFiles(given.place, 'Minutes', 0);
end
