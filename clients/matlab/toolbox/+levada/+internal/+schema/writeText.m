function writeText(file, lines)
%WRITETEXT Write a cell of lines to a file, as UTF-8.

[handle, message] = fopen(file, 'w', 'n', 'UTF-8');
if handle < 0
    levada.internal.errors.fail('InvalidRequest', '%s cannot be written: %s', file, message);
end
closing = onCleanup(@() fclose(handle));
fprintf(handle, '%s\n', lines{:});
end
