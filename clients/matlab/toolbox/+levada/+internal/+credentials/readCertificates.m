function text = readCertificates(file)
%READCERTIFICATES Read the PEM file of the authorities to trust.
%
%   text = readCertificates(file)
%
%   Errors: levada:InvalidRequest (the file cannot be read, or it holds no certificate).

[handle, message] = fopen(levada.internal.inputs.plainText(file), 'r');
if handle < 0
    levada.internal.errors.fail('InvalidRequest', ...
        'The certificates in %s cannot be read: %s. Name a PEM file of the authorities to trust.', file, message);
end
closing = onCleanup(@() fclose(handle));
text = fread(handle, [1, Inf], '*char');
if isempty(strfind(text, '-----BEGIN CERTIFICATE-----'))
    levada.internal.errors.fail('InvalidRequest', ...
        '%s holds no certificate. Name a PEM file, which has lines -----BEGIN CERTIFICATE-----.', file);
end
end
