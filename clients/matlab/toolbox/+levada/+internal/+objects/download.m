function download(connection, objectId, path, size, take)
%DOWNLOAD Read a file of an object from its store through the server, in pieces.
%
%   download(connection, objectId, path, size, take)
%
%   path  within a folder; '' for a single file
%   size  of the file, in bytes
%   take  function of the next bytes, a uint8 row
%
%   Errors: levada:UnknownObject, levada:DamagedObject (the store lost it, or its size is another).

pieceBytes = 2^24;
patienceSeconds = 60;
offset = 0;
while offset < size
    request = struct('object_id', objectId, 'path', path, 'offset', int64(offset), ...
        'length_bytes', int64(min(pieceBytes, size - offset)));
    content = levada.internal.calls.repeatCall(@() received(connection, request), patienceSeconds, ...
        @levada.internal.errors.isTransient);
    if isempty(content)
        levada.internal.errors.fail('DamagedObject', 'The object %s has %d bytes rather than %d in its store.', ...
            objectId, offset, size);
    end
    take(content);
    offset = offset + numel(content);
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
