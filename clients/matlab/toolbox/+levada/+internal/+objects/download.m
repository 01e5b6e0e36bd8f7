function download(connection, objectId, path, size, hash, take)
%DOWNLOAD Read a file of an object from its store through the server, in pieces, and check it.
%
%   download(connection, objectId, path, size, hash, take)
%
%   path  within a folder; '' for a single file
%   size  of the file, in bytes
%   hash  of the file, BLAKE3
%   take  function of the next bytes, a uint8 row
%
%   Errors: levada:UnknownObject, levada:DamagedObject (the store lost it, or has other bytes): throw away all that was
%   taken.

pieceBytes = 2^24;
patienceSeconds = 60;
offset = 0;
state = [];
isEnd = false;
while ~isEnd
    wanted = min(pieceBytes, size - offset + 1);  % a byte more than there is, at the end
    request = struct('object_id', objectId, 'path', path, 'offset', int64(offset), 'length_bytes', int64(wanted));
    content = levada.internal.calls.repeatCall(@() received(connection, request), patienceSeconds, ...
        @levada.internal.errors.isTransient);
    take(content);
    state = levada.internal.calls.gateway('hashMore', state, content);
    offset = offset + numel(content);
    isEnd = numel(content) < wanted || offset > size;
end
if ~strcmp(levada.internal.calls.gateway('hashText', state), hash)
    levada.internal.errors.fail('DamagedObject', ...
        'The object %s is not what was stored: its store has %d bytes of %d, or others.', ...
        strtrim([objectId ' ' path]), offset, size);
end
end

function content = received(connection, request)
responses = levada.internal.api.downloadObject(connection, request);
chunks = cellfun(@(r) r.chunk, responses, 'UniformOutput', false);
for chunk = chunks
    if levada.internal.calls.gateway('crc32', chunk{1}.content) ~= double(chunk{1}.crc32)
        levada.internal.errors.fail('Unavailable', 'Bytes of the object %s were damaged on their way.', ...
            request.object_id);
    end
end
parts = cellfun(@(c) reshape(c.content, 1, []), chunks, 'UniformOutput', false);
content = [zeros(1, 0, 'uint8'), parts{:}];
end
