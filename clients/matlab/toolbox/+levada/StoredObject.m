classdef StoredObject
%STOREDOBJECT File, folder or array that lies in a store, or a file in a row, as fetch returns it.
%
%   object = fetch1(lab.Recording & key, 'raw');
%   path = download(object, folder)    copies it to this machine
%   value = read(object)               an array of <npy@>, else the bytes of a file
%   files(object)                      the files of a folder
%   verify(object)                     reads it in its store, and compares it with its hash
%
%   Whatever is read or downloaded is compared with the hash, too: damaged bytes are an error.
%
%   A fetched object may be inserted into a table again: nothing is copied then.

    properties (SetAccess = private)
        name = ''        % name of the file or folder; '' for a value
        size_bytes = 0   % of the file, or of all files of the folder
        store = ''       % the name of its store; '' if it is in the row
        path = ''        % within the store
        hash = ''        % BLAKE3 of its bytes, as the server computed it
        file_count = []  % how many files a folder has; [] for a file
        dtype = ''       % of an array, in NumPy's notation
        shape = []       % of an array
        id = ''
    end

    properties (Hidden, SetAccess = private)
        Connection = []
        Codec = ''
        Content = []  % the bytes of a file in a row
    end

    methods
        function self = StoredObject(connection, type, reference)
            %STOREDOBJECT Make the object of a reference in a row, a struct, or of the bytes of an <attach>.
            self.Connection = connection;
            codec = regexp(type, '^<\s*([a-z]+)', 'tokens', 'once');
            self.Codec = codec{1};
            if isstruct(reference)
                for field = {'name', 'size_bytes', 'store', 'path', 'hash', 'file_count', 'dtype', 'shape', 'id'}
                    if isfield(reference, field{1})
                        self.(field{1}) = reference.(field{1});
                    end
                end
                self.size_bytes = double(self.size_bytes);
                self.file_count = double(self.file_count);
            else
                ending = find(reference == 0, 1);
                self.name = native2unicode(reference(1:ending - 1), 'UTF-8');
                self.Content = reference(ending + 1:end);
                self.size_bytes = numel(self.Content);
            end
        end

        function place = download(self, folder)
            %DOWNLOAD Copy the file or folder into a folder of this machine, and return its path.
            %
            %   place = download(object)            into the working folder
            %   place = download(object, folder)
            %
            %   Errors: levada:AlreadyExists (another file of this name is there), levada:DamagedObject.
            if nargin < 2
                folder = pwd();
            end
            name = self.name;
            if isempty(name)
                [~, base, extension] = fileparts(self.path);
                name = [base extension];
            end
            place = fullfile(levada.internal.inputs.plainText(folder), safe(name));
            if exist(place, 'file')
                levada.internal.errors.fail('AlreadyExists', ...
                    '%s exists already. Remove it, or download into another folder.', place);
            end
            draft = [place '.part'];
            removing = onCleanup(@() removeDraft(draft));
            if isempty(self.file_count)
                self.writeFile('', self.size_bytes, self.hash, draft);
            else
                if exist(draft, 'dir')
                    rmdir(draft, 's');
                end
                makeFolder(draft);
                for file = reshape(files(self), 1, [])
                    target = fullfile(draft, safe(file.path));
                    makeFolder(fileparts(target));
                    self.writeFile(file.path, file.size_bytes, file.hash, target);
                end
            end
            [moved, trouble] = movefile(draft, place);
            if ~moved
                levada.internal.errors.fail('PreconditionFailed', '%s cannot be written: %s', place, trouble);
            end
        end

        function value = read(self, path)
            %READ Return the array of an <npy@>, else the bytes of a file as a uint8 row.
            %
            %   value = read(object)
            %   value = read(object, path)    a file of a folder
            if nargin < 2
                path = '';
            end
            if isempty(self.file_count)
                value = self.bytes(path, self.size_bytes, self.hash);
            else
                every = files(self);
                at = strcmp({every.path}, path);
                if ~any(at)
                    levada.internal.errors.fail('InvalidRequest', ...
                        '`%s` is a folder and has no file ''%s''; name one of files(object).', self.name, path);
                end
                value = self.bytes(path, every(at).size_bytes, every(at).hash);
            end
            if strcmp(self.Codec, 'npy')
                value = levada.internal.objects.npyValue(value);
            end
        end

        function verify(self)
            %VERIFY Read it in its store, all files of a folder, and compare it with its hash.
            %
            %   Errors: levada:DamagedObject (it has changed, or is gone).
            if isempty(self.id)
                return  % a file in the row, which nobody can change behind the server's back
            end
            if isempty(self.file_count)
                levada.internal.objects.download(self.Connection, self.id, '', self.size_bytes, self.hash, @(piece) []);
                return
            end
            for file = reshape(files(self), 1, [])
                try
                    levada.internal.objects.download(self.Connection, self.id, file.path, file.size_bytes, file.hash, ...
                        @(piece) []);
                catch failure
                    if ~strcmp(failure.identifier, 'levada:NotFound')
                        rethrow(failure)
                    end
                    levada.internal.errors.fail('DamagedObject', '%s', failure.message);
                end
            end
        end

        function found = files(self)
            %FILES Return the files of a folder: a struct array with path, size_bytes and hash.
            %
            %   Errors: levada:DamagedObject (the list of files is not what was stored).
            listed = levada.internal.calls.listPages(self.Connection, @levada.internal.api.listObjectFiles, 'files', ...
                struct('object_id', self.id));
            found = struct('path', {}, 'size_bytes', {}, 'hash', {});
            for file = listed
                found(end + 1, 1) = struct('path', file{1}.path, 'size_bytes', double(file{1}.size_bytes), ...
                    'hash', file{1}.hash); %#ok<AGROW>
            end
            if ~strcmp(levada.internal.objects.folderHash(found), self.hash)
                levada.internal.errors.fail('DamagedObject', 'The list of the files of `%s` is not what was stored.', ...
                    self.name);
            end
        end

        function disp(self)
            %DISP Show its name and size.
            words = self.name;
            if isempty(words)
                words = self.Codec;
            end
            if ~isempty(self.file_count)
                words = sprintf('%s, %d files', words, self.file_count);
            end
            fprintf('  %s, %d bytes\n', words, self.size_bytes);
        end
    end

    methods (Hidden)
        function answer = isShared(self, connection, codec, type)
            %ISSHARED Return whether a row may refer to this object, so that nothing need be copied.
            wanted = regexp(type, '@([\w-]*)', 'tokens', 'once');
            answer = ~isempty(self.id) && isequal(self.Connection.Channel, connection.Channel) && ...
                strcmp(self.Codec, codec) && ~isempty(wanted) && any(strcmp(wanted{1}, {'', self.store}));
        end

        function value = content(self, place)
            %CONTENT Return what to store elsewhere: an array, or the bytes of a file.
            if ~isempty(self.file_count)
                levada.internal.errors.fail('WrongValue', ...
                    '%s: download this folder first, and insert its path; it lies in another store.', place);
            end
            value = read(self);
        end

        function content = bytes(self, path, size, hash)
            %BYTES Return the bytes of a file.
            if isempty(self.id)
                content = self.Content;
                return
            end
            content = zeros(1, size, 'uint8');
            done = 0;
            levada.internal.objects.download(self.Connection, self.id, path, size, hash, @take);

            function take(piece)
                content(done + 1:done + numel(piece)) = piece;
                done = done + numel(piece);
            end
        end
    end

    methods (Access = private)
        function writeFile(self, path, size, hash, target)
            [file, trouble] = fopen(target, 'w');
            if file < 0
                levada.internal.errors.fail('PreconditionFailed', '%s cannot be written: %s', target, trouble);
            end
            closing = onCleanup(@() fclose(file));
            if isempty(self.id)
                put(file, target, self.Content);
            else
                levada.internal.objects.download(self.Connection, self.id, path, size, hash, ...
                    @(piece) put(file, target, piece));
            end
        end
    end
end

function put(file, target, piece)
if fwrite(file, piece, 'uint8') ~= numel(piece)
    levada.internal.errors.fail('PreconditionFailed', '%s cannot be written: the disk is full.', target);
end
end

function path = safe(path)
% A name comes from whoever inserted the row: it must stay within the folder.
parts = strsplit(strrep(path, '\', '/'), '/');
if any(strcmp(parts, '..')) || isempty(parts{1}) || any(path == ':') || any(path == 0)
    levada.internal.errors.fail('DamagedObject', '''%s'' is not a name for a file here.', path);
end
end

function removeDraft(draft)
% Nothing is left of a download that failed.
if exist(draft, 'dir')
    rmdir(draft, 's');
elseif exist(draft, 'file')
    delete(draft);
end
end

function makeFolder(folder)
if ~exist(folder, 'dir')
    [made, trouble] = mkdir(folder);
    if ~made
        levada.internal.errors.fail('PreconditionFailed', '%s cannot be made: %s', folder, trouble);
    end
end
end
