function [id, hash] = upload(connection, request, sources)
%UPLOAD Put an object into a store through the server, and return its id and hash.
%
%   [id, hash] = upload(connection, request, sources)
%
%   request  a StageObjectRequest
%   sources  struct array with path (within a folder), file (on this machine) or bytes, and size
%
%   Files go in pieces, so that they need little memory. A piece that was lost or damaged on its way is sent again. The
%   server compares the whole with the hash, and keeps nothing if it differs.

patienceSeconds = 60;
request.hash = hashOf(request, sources);
staged = levada.internal.calls.repeatCall(@() levada.internal.api.stageObject(connection, request), patienceSeconds, ...
    @levada.internal.errors.isTransient);
if isfield(staged, 'object')
    id = staged.object.id;
    hash = staged.object.hash;
    return
end
for source = reshape(sources, 1, [])
    sendFile(connection, staged.upload_id, source, patienceSeconds);
end
commit = struct('upload_id', staged.upload_id, 'hash', request.hash, 'size_bytes', sum([sources.size]));
stored = levada.internal.calls.repeatCall(@() levada.internal.api.commitObject(connection, commit), patienceSeconds, ...
    @levada.internal.errors.isTransient);
id = stored.object.id;
hash = stored.object.hash;
end

function hash = hashOf(request, sources)
hashes = cell(size(sources));
for index = 1:numel(sources)
    hashes{index} = fileHash(sources(index));
end
if isfield(request, 'folder') && request.folder
    hash = levada.internal.objects.folderHash(struct('path', {sources.path}, 'size_bytes', {sources.size}, 'hash', hashes));
else
    hash = hashes{1};
end
end

function hash = fileHash(source)
pieceBytes = 2^24;
[file, closing] = opened(source); %#ok<ASGLU>
state = [];
offset = 0;
while offset < source.size
    content = piece(file, source, offset, pieceBytes);
    state = levada.internal.calls.gateway('hashMore', state, content);
    offset = offset + numel(content);
end
if file >= 0 && ~isempty(fread(file, 1))
    levada.internal.errors.fail('DamagedObject', '%s became longer while it was read.', source.file);
end
hash = levada.internal.calls.gateway('hashText', state);
end

function [file, closing] = opened(source)
% The file of a source, which is closed with the second result; -1 for bytes.
file = -1;
closing = [];
if ~isempty(source.file)
    [file, trouble] = fopen(source.file, 'r');
    if file < 0
        levada.internal.errors.fail('WrongValue', '%s cannot be read: %s', source.file, trouble);
    end
    closing = onCleanup(@() fclose(file));
end
end

function sendFile(connection, uploadId, source, patienceSeconds)
chunkBytes = 2^20;
chunksOfCall = 16;
[file, closing] = opened(source); %#ok<ASGLU>
offset = 0;
while offset < source.size || offset == 0
    header = struct('upload_id', uploadId, 'path', source.path, 'offset', int64(offset));
    messages = {struct('header', header)};
    while numel(messages) <= chunksOfCall && offset < source.size
        content = piece(file, source, offset, chunkBytes);
        checksum = int64(levada.internal.calls.gateway('crc32', content));
        messages{end + 1} = struct('chunk', struct('content', content, 'crc32', checksum)); %#ok<AGROW>
        offset = offset + numel(content);
    end
    levada.internal.calls.repeatCall(@() levada.internal.api.uploadObject(connection, messages), patienceSeconds, ...
        @mayPass);
    if source.size == 0
        return
    end
end
end

function content = piece(file, source, offset, most)
most = min(most, source.size - offset);
if file < 0
    content = source.bytes(offset + 1:offset + most);
else
    content = fread(file, [1 most], '*uint8');
    if isempty(content)
        levada.internal.errors.fail('DamagedObject', '%s became shorter while it was read.', source.file);
    end
end
end

function answer = mayPass(failure)
answer = levada.internal.errors.isTransient(failure) || strcmp(failure.identifier, 'levada:DamagedObject');
end
