function text = readText(file)
%READTEXT Return the text of a file: UTF-8, else in the encoding of the system.
%
%   Before R2020a, fileread takes the encoding of the system, and the editor writes in it.

[handle, trouble] = fopen(file, 'r');
if handle < 0
    levada.internal.errors.fail('InvalidRequest', '%s cannot be read: %s', file, trouble);
end
closing = onCleanup(@() fclose(handle));
bytes = fread(handle, Inf, '*uint8')';
try
    text = native2unicode(bytes, 'UTF-8');
    if ~isequal(unicode2native(text, 'UTF-8'), bytes)
        text = native2unicode(bytes);
    end
catch  % Octave refuses bytes that are not UTF-8, which is also its encoding of the system
    text = native2unicode(bytes, 'ISO-8859-1');
end
end
