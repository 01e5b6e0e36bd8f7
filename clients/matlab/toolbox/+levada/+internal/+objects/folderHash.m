function hash = folderHash(files)
%FOLDERHASH Return the hash of a folder: that of the list of its files, in byte order of their paths.
%
%   hash = folderHash(files)
%
%   files  struct array with path, size_bytes and hash

order = cell(1, numel(files));
for index = 1:numel(files)
    order{index} = sprintf('%02x', unicode2native(files(index).path, 'UTF-8'));
end
[~, order] = sort(order);
state = [];
for file = reshape(files(order), 1, [])
    line = sprintf('%s %d %s\n', file.hash, file.size_bytes, file.path);
    state = levada.internal.calls.gateway('hashMore', state, unicode2native(line, 'UTF-8'));
end
hash = levada.internal.calls.gateway('hashText', state);
end
