function digest = codeDigest(table)
%CODEDIGEST Return the digest of the code that a class runs: of its file, and of the functions beside it.
%
%   digest = codeDigest(table)
%
%   Classes beside it are tables of their own and do not count. '' if the file is missing.

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
digested = levada.internal.calls.gateway('sha256', unicode2native(strjoin(texts, char(10)), 'UTF-8'));
digest = ['sha256:', digested(1:40)];
known(file) = struct('stamp', stamp, 'digest', digest);
end

function text = textOf(file)
text = strrep(levada.internal.inputs.readText(file), char([13 10]), char(10));
end
