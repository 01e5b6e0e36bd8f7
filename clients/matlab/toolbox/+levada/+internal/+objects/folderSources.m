function sources = folderSources(folder, place)
%FOLDERSOURCES List the files of a folder that goes into a store: a struct array with path, file, bytes and size.
%
%   sources = folderSources(folder, place)
%
%   place  names the value in errors

sources = struct('path', {}, 'file', {}, 'bytes', {}, 'size', {});
waiting = {''};
while ~isempty(waiting)
    within = waiting{1};
    waiting(1) = [];
    for found = reshape(dir(fullfile(folder, within)), 1, [])
        if any(strcmp(found.name, {'.', '..'}))
            continue
        end
        path = found.name;
        if ~isempty(within)
            path = [within '/' found.name];
        end
        if found.isdir
            waiting{end + 1} = path; %#ok<AGROW>
        elseif isempty(found.bytes) || ~exist(fullfile(folder, path), 'file')
            levada.internal.errors.fail('WrongValue', '%s: %s is not a file whose content can be stored.', place, ...
                fullfile(folder, path));
        else
            sources(end + 1) = struct('path', path, 'file', fullfile(folder, path), 'bytes', [], 'size', found.bytes); %#ok<AGROW>
        end
    end
end
end
