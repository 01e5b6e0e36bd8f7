function [id, hash] = upload(connection, request, sources)
%UPLOAD Put an object into a store through the server, and return its id and hash.
%
%   [id, hash] = upload(connection, request, sources)
%
%   request  a StageObjectRequest
%   sources  struct array with path (within a folder), file (on this machine) or bytes, and size
%
%   Files go in pieces, so that they need little memory. A piece that was lost or damaged on its way is sent again.

patienceSeconds = 60;
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
commit = struct('upload_id', staged.upload_id, 'size_bytes', sum([sources.size]));
stored = levada.internal.calls.repeatCall(@() levada.internal.api.commitObject(connection, commit), patienceSeconds, ...
    @levada.internal.errors.isTransient);
id = stored.object.id;
hash = stored.object.hash;
end

function sendFile(connection, uploadId, source, patienceSeconds)
chunkBytes = 2^20;
chunksOfCall = 16;
file = -1;
if ~isempty(source.file)
    [file, trouble] = fopen(source.file, 'r');
    if file < 0
        levada.internal.errors.fail('WrongValue', '%s cannot be read: %s', source.file, trouble);
    end
    closing = onCleanup(@() fclose(file));
end
offset = 0;
while offset < source.size || offset == 0
    header = struct('upload_id', uploadId, 'path', source.path, 'offset', int64(offset));
    messages = {struct('header', header)};
    while numel(messages) <= chunksOfCall && offset < source.size
        content = piece(file, source, offset, chunkBytes);
        if isempty(content)
            levada.internal.errors.fail('DamagedObject', '%s became shorter while it was read.', source.file);
        end
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
end
end

function answer = mayPass(failure)
answer = levada.internal.errors.isTransient(failure) || strcmp(failure.identifier, 'levada:DamagedObject');
end
