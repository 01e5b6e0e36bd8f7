function tests = testObjects()
%TESTOBJECTS Files, folders and values that lie in stores.

tests = localfunctions();
end

function [folder, cleanup] = newFolder()
folder = tempname();
mkdir(folder);
cleanup = onCleanup(@() rmdir(folder, 's'));
end

function path = written(folder, name, bytes)
path = fullfile(folder, name);
file = fopen(path, 'w');
fwrite(file, bytes, 'uint8');
fclose(file);
end

function bytes = bytesOf(path)
file = fopen(path, 'r');
bytes = fread(file, [1 Inf], '*uint8');
fclose(file);
end

function test_values_go_into_a_store_and_come_back(~)
settings = struct('gain', 4, 'names', {{'left', 'right'}});
insert(lab.Recording, struct('recording', {1; 2}, 'settings', {settings; []}));
checkEqual(fetch1(lab.Recording & 'recording = 1', 'settings'), settings);
checkEqual(fetch1(lab.Recording & 'recording = 2', 'settings'), []);
update(lab.Recording & 'recording = 2', 'settings', [1 2 3]);
checkEqual(fetchn(lab.Recording, 'settings', 'ORDER BY recording'), {settings; [1 2 3]});
update(lab.Recording & 'recording = 1', 'settings', []);
checkEqual(count(lab.Recording & 'settings IS NULL'), 1);
end

function test_arrays_go_into_npy_files_and_come_back(~)
arrays = {reshape(1:24, [2 3 4]), single([1.5; -2]), int16([1 2; 3 4]), [true false true], [1+2i 3-4i], zeros(0, 3)};
insert(lab.Recording, struct('recording', num2cell((1:numel(arrays))'), 'trace', arrays'));
for index = 1:numel(arrays)
    object = fetch1(lab.Recording & struct('recording', index), 'trace');
    checkEqual(read(object), arrays{index});
    checkEqual(object.shape(:)', int64(size(arrays{index})));
end
checkError('WrongValue', @() insert(lab.Recording, struct('recording', 99, 'trace', {{'text'}})));
end

function test_files_are_attached_and_downloaded(~)
[folder, cleanup] = newFolder();
content = uint8(mod(0:70000, 251));
file = written(folder, 'notes.bin', content);
insert(lab.Recording, struct('recording', 1, 'notes', file, 'label', file));
[notes, label] = fetch1(lab.Recording, 'notes', 'label');
for object = {notes, label}
    checkEqual({object{1}.name, object{1}.size_bytes}, {'notes.bin', numel(content)});
    checkEqual(read(object{1}), content);
    [target, done] = newFolder();
    path = download(object{1}, target);
    checkEqual(path, fullfile(target, 'notes.bin'));
    checkEqual(bytesOf(path), content);
    checkError('AlreadyExists', @() download(object{1}, target));
    clear done
end
update(lab.Recording, 'label', written(folder, 'other.bin', uint8('other')));
checkEqual(read(fetch1(lab.Recording, 'label')), uint8('other'));
failure = checkError('WrongValue', @() insert(lab.Recording, struct('recording', 2, 'notes', '/nowhere/at.all')));
check(~isempty(strfind(failure.message, '`lab.Recording`, row 0, attribute `notes`: there is no file')), failure.message);
checkError('WrongValue', @() insert(lab.Recording, struct('recording', 2, 'notes', 5)));
end

function test_folders_and_bytes_become_objects(~)
[folder, cleanup] = newFolder();
run = fullfile(folder, 'run.zarr');
mkdir(run);
mkdir(fullfile(run, '0'));
written(run, '.zarray', uint8('{}'));
written(run, 'empty', uint8([]));
chunk = written(fullfile(run, '0'), '0.0', zeros(1, 1000, 'uint8'));
insert(lab.Recording, struct('recording', {1; 2; 3}, 'raw', {run; chunk; uint8(1:5)}));
object = fetch1(lab.Recording & 'recording = 1', 'raw');
checkEqual({object.name, object.file_count, object.size_bytes}, {'run.zarr', 3, 1002});
listed = files(object);
checkEqual(sort({listed.path}), {'.zarray', '0/0.0', 'empty'});
checkEqual(read(object, '.zarray'), uint8('{}'));
checkError('InvalidRequest', @() read(object));
[target, done] = newFolder();
path = download(object, target);
checkEqual(bytesOf(fullfile(path, '0', '0.0')), zeros(1, 1000, 'uint8'));
checkEqual(bytesOf(fullfile(path, 'empty')), zeros(1, 0, 'uint8'));
checkEqual(read(fetch1(lab.Recording & 'recording = 3', 'raw')), uint8(1:5));
checkEqual(read(fetch1(lab.Recording & 'recording = 2', 'raw')), zeros(1, 1000, 'uint8'));
end

function test_large_files_travel_in_pieces(~)
[folder, cleanup] = newFolder();
content = uint8(mod(floor((0:17.5 * 2^20) / 7), 256));
insert(lab.Recording, struct('recording', 1, 'raw', written(folder, 'large.bin', content)));
object = fetch1(lab.Recording, 'raw');
check(isequal(read(object), content), 'read');
check(isequal(bytesOf(download(object, newTarget(folder))), content), 'downloaded');
end

function target = newTarget(folder)
target = fullfile(folder, 'target');
mkdir(target);
end

function test_a_fetched_object_is_inserted_again_without_a_copy(~)
insert(lab.Recording, struct('recording', 1, 'trace', 1:3, 'digest', uint8(1:4)));
row = fetch1(lab.Recording, '*');
insert(lab.Recording, struct('recording', 2, 'trace', row.trace, 'digest', row.digest));
other = fetch1(lab.Recording & 'recording = 2', '*');
checkEqual({other.trace.id, other.digest.id}, {row.trace.id, row.digest.id});
checkEqual(read(other.digest), uint8(1:4));
end

function test_objects_are_fetched_within_a_transaction(connection)
insert(lab.Recording, struct('recording', 1, 'settings', 'text', 'trace', 1:3));
connection.startTransaction();
checkEqual(fetch1(lab.Recording, 'settings'), 'text');
checkEqual(read(fetch1(lab.Recording, 'trace')), [1 2 3]);
connection.cancelTransaction();
end

function test_a_file_in_a_store_is_registered_in_its_place(connection)
folder = fullfile(storeFolder(connection), 'data');
mkdir(folder);
written(folder, 'movie.avi', uint8('frames'));
insert(lab.Movie, struct('movie', 1, 'file', 'data/movie.avi'));
object = fetch1(lab.Movie, 'file');
checkEqual({object.path, object.size_bytes}, {'data/movie.avi', 6});
checkEqual(read(object), uint8('frames'));
checkError('NotFound', @() insert(lab.Movie, struct('movie', 2, 'file', 'data/absent.avi')));
checkError('InvalidRequest', @() insert(lab.Movie, struct('movie', 2, 'file', '../outside.avi')));
end

function test_a_make_puts_its_results_into_a_store(~)
insert(lab.Recording, struct('recording', {1; 2}, 'trace', {1:3; 4:6}));
populate(lab.Filtered);
checkEqual(read(fetch1(lab.Filtered & 'recording = 2', 'filtered')), [8 10 12]);
end

function test_rows_with_files_are_checked_before_they_are_inserted(~)
faults = validate(lab.Recording, struct('recording', 1, 'trace', 1:3));
checkEqual(numel(faults), 0);
checkError('WrongValue', @() validate(lab.Recording, struct('recording', 1, 'notes', '/nowhere/at.all')));
checkEqual(count(lab.Recording), 0);
end

function test_objects_that_are_computed_again_are_compared_by_their_hash(~)
insert(lab.Recording, struct('recording', {1; 2}, 'trace', {1:3; 4:6}));
populate(lab.Filtered);
done = recompute(lab.Filtered);
checkEqual([done.EqualCount, done.DifferentCount], [2 0]);
update(lab.Recording & 'recording = 2', 'trace', [7 8 9]);
done = recompute(lab.Filtered);
checkEqual([done.EqualCount, done.DifferentCount], [1 1]);
checkEqual(done.Differences.attribute, 'filtered');
done.confirm();
checkEqual(read(fetch1(lab.Filtered & 'recording = 2', 'filtered')), [14 16 18]);
end

function test_a_fetched_file_is_inserted_into_an_attribute_of_another_kind(~)
[folder, cleanup] = newFolder();
insert(lab.Recording, struct('recording', 1, 'label', written(folder, 'notes.txt', uint8('calm'))));
label = fetch1(lab.Recording, 'label');
insert(lab.Recording, struct('recording', 2, 'label', label, 'notes', label, 'raw', label));
[again, notes, raw] = fetch1(lab.Recording & 'recording = 2', 'label', 'notes', 'raw');
for object = {again, notes, raw}
    checkEqual({object{1}.name, read(object{1})}, {'notes.txt', uint8('calm')});
end
end

function folder = storeFolder(connection)
stores = levada.internal.api.listStores(connection, struct());
store = stores.stores{cellfun(@(s) s.preferred, stores.stores)};
folder = store.folder;
end

function damage(path, bytes)
% Write other bytes into a file of a store.
delete(path);
[folder, name, extension] = fileparts(path);
written(folder, [name extension], bytes);
end

function test_damaged_bytes_of_a_store_are_never_returned(connection)
[folder, cleanup] = newFolder();
insert(lab.Recording, struct('recording', 1, 'settings', 'calm', 'trace', 1:3, 'raw', uint8(1:100), 'digest', uint8(1:9), ...
    'notes', written(folder, 'notes.bin', uint8(1:50))));
objects = cell(1, 4);
[objects{:}] = fetch1(lab.Recording, 'trace', 'raw', 'digest', 'notes');
for found = objects
    object = found{1};
    verify(object);
    path = fullfile(storeFolder(connection), object.path);
    right = bytesOf(path);
    flipped = right;
    flipped(end) = bitxor(flipped(end), 1);
    for wrong = {flipped, [right 0], right(1:end - 1), zeros(1, 0, 'uint8')}
        damage(path, wrong{1});
        checkError('DamagedObject', @() verify(object));
        checkError('DamagedObject', @() read(object));
        target = tempname(folder);
        mkdir(target);
        checkError('DamagedObject', @() download(object, target));
        checkEqual(numel(dir(target)), 2);  % `.` and `..`
    end
    delete(path);
    checkError('DamagedObject', @() verify(object));
end
end

function test_a_damaged_value_is_an_error_of_fetch(connection)
insert(lab.Recording, struct('recording', 1, 'settings', char(97 * ones(1, 5000))));
listed = levada.internal.api.listObjects(connection, struct());
path = fullfile(storeFolder(connection), listed.objects{1}.object.path);
content = bytesOf(path);
content(end) = bitxor(content(end), 1);
damage(path, content);
checkError('DamagedObject', @() fetch1(lab.Recording, 'settings'));
end

function test_a_damaged_folder_is_noticed(connection)
[folder, cleanup] = newFolder();
run = fullfile(folder, 'run');
mkdir(run);
mkdir(fullfile(run, 'b'));
written(fullfile(run, 'b'), 'two', uint8('two'));
written(run, 'a', uint8('one'));
written(run, 'Z', uint8([]));
insert(lab.Recording, struct('recording', 1, 'raw', run));
object = fetch1(lab.Recording, 'raw');
verify(object);
place = fullfile(storeFolder(connection), object.path, 'b', 'two');
damage(place, uint8('owt'));
checkError('DamagedObject', @() verify(object));
checkError('DamagedObject', @() read(object, 'b/two'));
checkError('DamagedObject', @() download(object, newTarget(folder)));
checkEqual(numel(dir(fullfile(folder, 'target'))), 2);
checkEqual(read(object, 'a'), uint8('one'));
damage(place, uint8('two, and more'));
checkError('DamagedObject', @() verify(object));
damage(place, uint8('tw'));
checkError('DamagedObject', @() verify(object));
delete(place);
checkError('DamagedObject', @() verify(object));
damage(place, uint8('two'));
verify(object);
end

function test_the_list_of_a_folder_is_compared_with_its_hash(~)
files = struct('path', {'b', 'a/c', 'Z'}, 'size_bytes', {1, 2^33, 0}, 'hash', {'11', '22', '33'});
text = ['33 0 Z' char(10) '22 8589934592 a/c' char(10) '11 1 b' char(10)];
state = levada.internal.calls.gateway('hashMore', [], uint8(text));
checkEqual(levada.internal.objects.folderHash(files), levada.internal.calls.gateway('hashText', state));
end

function test_a_file_that_changes_during_its_upload_is_not_stored(connection)
source = struct('path', '', 'file', '', 'bytes', uint8(1:10), 'size', 10);
request = struct('name', tableName(lab.Recording), 'attribute', 'digest');
count(lab.Recording);
changing = struct('request', @(varargin) alteredCommit(connection, varargin), 'send', @(varargin) connection.send(varargin{:}));
checkError('DamagedObject', @() levada.internal.objects.upload(changing, request, source));
checkEqual(numel(storedObjects(connection)), 0);
end

function response = alteredCommit(connection, inputs)
% As if other bytes had been read for the upload than for the hash.
if strcmp(inputs{1}, 'ObjectService/StageObject')
    inputs{2} = rmfield(inputs{2}, 'hash');
elseif strcmp(inputs{1}, 'ObjectService/CommitObject')
    inputs{2}.hash = repmat('0', 1, 64);
end
response = connection.request(inputs{:});
end

function found = storedObjects(connection)
found = levada.internal.calls.listPages(connection, @levada.internal.api.listObjects, 'objects', struct());
end

function test_unchanged_files_of_a_store_are_found(connection)
count(lab.Movie);
folder = fullfile(storeFolder(connection), 'data');
mkdir(folder);
for name = {'a.avi', 'b.avi', 'c.txt'}
    written(folder, name{1}, uint8('frames'));
end
checkEqual(unchangedFiles(lab.Movie, 'Minutes', 0), {'data/a.avi'; 'data/b.avi'; 'data/c.txt'});
checkEqual(unchangedFiles(lab.Movie, 'Folder', 'data', 'Minutes', 0, 'Pattern', '[!a]*.avi'), {'data/b.avi'});
checkEqual(unchangedFiles(lab.Movie, 'Minutes', 20, 'Attribute', 'file'), cell(0, 1));
checkError('InvalidRequest', @() unchangedFiles(lab.Movie, 'Minutes', -1));
checkError('InvalidRequest', @() unchangedFiles(lab.Movie, 'Attribute', 'movie'));
checkError('InvalidRequest', @() unchangedFiles(lab.Recording));
end
