function digest = codeDigest(table)
%CODEDIGEST Return the digest of the code that a class runs: of its file, and of the functions beside it.
%
%   digest = codeDigest(table)
%
%   Classes beside it are tables of their own and do not count. '' if the file or a means to digest it is missing.

persistent known
if isempty(known)
    known = containers.Map();
end
digest = '';
file = which(class(table));
if isempty(file) || ~exist(file, 'file')
    return
end
listed = dir(fullfile(fileparts(file), '*.m'));
stamp = sprintf('%s %.9f %d ', file, [[listed.datenum]; [listed.bytes]]);
if isKey(known, file) && strcmp(known(file).stamp, stamp)
    digest = known(file).digest;
    return
end
texts = {textOf(file)};
for name = sort({listed.name})
    other = fullfile(fileparts(file), name{1});
    text = textOf(other);
    if ~strcmp(other, file) && isempty(regexp(text, '^\s*classdef\>', 'once', 'lineanchors'))
        texts{end + 1} = [name{1}, char(10), text]; %#ok<AGROW>
    end
end
digested = sha256(unicode2native(strjoin(texts, char(10)), 'UTF-8'));
if ~isempty(digested)
    digest = ['sha256:', digested(1:40)];
end
known(file) = struct('stamp', stamp, 'digest', digest);
end

function text = textOf(file)
text = strrep(fileread(file), char([13 10]), char(10));
end

function hexadecimal = sha256(bytes)
if exist('OCTAVE_VERSION', 'builtin')
    hexadecimal = hash('sha256', char(bytes));
elseif usejava('jvm')
    maker = javaMethod('getInstance', 'java.security.MessageDigest', 'SHA-256');
    hexadecimal = sprintf('%02x', typecast(maker.digest(bytes), 'uint8'));
else
    hexadecimal = '';
end
end
