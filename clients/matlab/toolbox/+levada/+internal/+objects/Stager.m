classdef Stager
%STAGER Puts the values of a table's rows into stores, before rows refer to them.

    properties (Access = private)
        Connection
        Name     % the table's TableName
        Heading  % its attributes in the form of the protocol
    end

    methods
        function self = Stager(connection, name, heading)
            %STAGER Serve a table, by its TableName and its attributes.
            self.Connection = connection;
            self.Name = name;
            self.Heading = heading;
        end

        function column = column(self, values, attribute, table, fields, rows)
            %COLUMN Put the values of one attribute into its store, and return the column of their ids.
            %
            %   values  cell, one per row; [] is NULL
            %   table   its name, for errors
            %   fields  cell row: the names of the attributes that are given
            %   rows    n-by-m cell of their values
            nulls = cellfun(@(v) isa(v, 'double') && isequal(size(v), [0 0]), reshape(values, [], 1));
            ids = repmat({''}, numel(values), 1);
            for index = reshape(find(~nulls), 1, [])
                place = sprintf('`%s`, row %d, attribute `%s`', table, index - 1, attribute.name);
                ids{index} = self.stage(values{index}, attribute, cell2struct(rows(index, :), fields, 2), place);
            end
            kind = 'text';
            if strcmp(codecOf(attribute.type), 'attach') && ~any(attribute.type == '@')
                kind = 'binary';  % the file is in the row
            end
            column = struct('kind', kind, 'values', {ids}, 'name', attribute.name, 'type', attribute.type, 'nulls', []);
            if any(nulls)
                column.nulls = nulls;
            end
        end

        function id = stage(self, value, attribute, row, place)
            %STAGE Put one value into its store, and return the id of the object, or the bytes of an `<attach>`.
            %
            %   A make that runs learns the hash of the object.
            %
            %   row    struct with the key of its row, as far as it is known
            %   place  names the value in errors
            codec = codecOf(attribute.type);
            if isa(value, 'levada.StoredObject') && value.isShared(self.Connection, codec, attribute.type)
                id = value.id;
                noteHash(id, value.hash);
                return
            end
            request = struct('name', self.Name, 'attribute', attribute.name);
            value = levada.internal.inputs.plainText(value);
            if isa(value, 'levada.StoredObject')  % of another kind, or of another server
                name = value.name;
                value = value.content(place);
            else
                name = '';
            end
            switch codec
                case 'filepath'
                    request.path = strrep(pathOf(value, attribute, place), '\', '/');
                    response = levada.internal.api.registerFile(self.Connection, request);
                    id = response.object.id;
                    noteHash(id, response.object.hash);
                    return
                case 'attach'
                    if isempty(name)
                        path = pathOf(value, attribute, place);
                        name = nameOf(path);
                        value = [];
                        sources = fileSource(path, place);
                    else
                        sources = byteSource(value);
                    end
                    request.file_name = name;
                    if ~any(attribute.type == '@')
                        if isempty(value)
                            value = bytesOfFile(sources.file, place);
                        end
                        id = [unicode2native(name, 'UTF-8'), uint8(0), value];
                        return
                    end
                case 'hash'
                    sources = byteSource(octets(value, attribute, place));
                case 'blob'
                    sources = byteSource(levada.internal.values.encodeValue(value, place));
                case 'npy'
                    request.key = self.keyOf(row);
                    if ischar(value)
                        sources = fileSource(value, place);
                    else
                        sources = byteSource(levada.internal.objects.npyBytes(value, place));
                    end
                case 'object'
                    request.key = self.keyOf(row);
                    if isa(value, 'uint8')
                        request.file_name = name;
                        if isempty(name)
                            request.file_name = [attribute.name '.bin'];
                        end
                        sources = byteSource(octets(value, attribute, place));
                    else
                        path = pathOf(value, attribute, place);
                        request.file_name = nameOf(path);
                        request.folder = isFolder(path);
                        if request.folder
                            sources = levada.internal.objects.folderSources(path, place);
                        else
                            sources = fileSource(path, place);
                        end
                    end
                otherwise
                    levada.internal.errors.fail('Unsupported', '%s: a %s cannot be inserted from MATLAB.', place, ...
                        attribute.type);
            end
            [id, hash] = levada.internal.objects.upload(self.Connection, request, sources);
            noteHash(id, hash);
        end
    end

    methods (Access = private)
        function entries = keyOf(self, row)
            entries = cell(1, 0);
            for found = self.Heading
                name = found{1}.name;
                isKey = isfield(found{1}, 'primary_key') && found{1}.primary_key;
                if isKey && isfield(row, name) && ~isempty(row.(name))
                    value = levada.internal.values.conditionValue(row.(name), sprintf('attribute `%s`', name));
                    entries{end + 1} = struct('name', name, 'value', {value}); %#ok<AGROW>
                end
            end
        end
    end
end

function noteHash(id, hash)
work = levada.internal.jobs.currentWork();
if ~isempty(work)
    work.takeObject(id, hash);
end
end

function codec = codecOf(type)
codec = regexp(type, '^<\s*([a-z]+)', 'tokens', 'once');
codec = codec{1};
end

function path = pathOf(value, attribute, place)
if ~ischar(value) || isempty(value)
    levada.internal.errors.fail('WrongValue', '%s: a %s takes a path as text, not a %s.', place, attribute.type, ...
        class(value));
end
path = value;
end

function name = nameOf(path)
% The last part of a path, also of 'folder/'.
path = regexprep(path, '[/\\]+$', '');
[~, name, extension] = fileparts(path);
name = [name extension];
end

function bytes = octets(value, attribute, place)
if ~isa(value, 'uint8')
    levada.internal.errors.fail('WrongValue', '%s: a %s takes bytes, a uint8 array, not a %s.', place, ...
        attribute.type, class(value));
end
bytes = reshape(value, 1, []);
end

function answer = isFolder(path)
answer = exist(path, 'dir') == 7;
end

function sources = byteSource(bytes)
sources = struct('path', '', 'file', '', 'bytes', {bytes}, 'size', numel(bytes));
end

function sources = fileSource(path, place)
listed = dir(path);
if numel(listed) ~= 1 || listed.isdir
    levada.internal.errors.fail('WrongValue', '%s: there is no file %s.', place, path);
end
sources = struct('path', '', 'file', path, 'bytes', {[]}, 'size', listed.bytes);
end

function bytes = bytesOfFile(path, place)
fileSource(path, place);
[file, trouble] = fopen(path, 'r');
if file < 0
    levada.internal.errors.fail('WrongValue', '%s: %s cannot be read: %s', place, path, trouble);
end
closing = onCleanup(@() fclose(file));
bytes = fread(file, [1 Inf], '*uint8');
end
