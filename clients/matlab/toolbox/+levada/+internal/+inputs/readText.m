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
    isUtf8 = isequal(unicode2native(text, 'UTF-8'), bytes);
catch  % Octave refuses other bytes
    isUtf8 = false;
end
if ~isUtf8
    text = native2unicode(bytes);
end
end
