%% Record, compute and query the songs of crickets
% A first pipeline: two tables that are filled by hand, and one that MATLAB computes. Its classes are in the package
% |+crickets| beside this file. Run it section by section.

%% Connect
% |levada.connect| finds the server of this folder, or the one that the environment or |levada.toml| names. At a command
% line |levada serve| starts one.
levada.connect();

%% Insert animals
% A class in the package is a table. It is declared when it is first used.
insert(crickets.Animal, struct('animal', {1; 2}, 'species', {'Gryllus campestris'; 'Gryllus bimaculatus'}, ...
    'weight', {620; []}), 'SkipDuplicates', true);
disp(crickets.Animal)

%% Insert songs
% Arrays are values of an attribute. An insert takes all rows or none.
rate = 1000;
time = (0:2 * rate - 1)' / rate;
for animal = 1:2
    song = struct('animal', animal, 'song', 1, 'rate', rate);
    song.envelope = 0.5 - 0.5 * cos(2 * pi * 15 * animal * time);
    insert(crickets.Song, song, 'SkipDuplicates', true);
end

%% Compute
% |populate| calls |make| of the class for each song that has no result yet, also beside other MATLABs and Pythons.
populate(crickets.PulseRate)
[remaining, total] = progress(crickets.PulseRate);
assert(remaining == 0 && total == 2)

%% Query
% The server joins and selects, and the results are fetched.
fast = crickets.PulseRate * crickets.Animal & 'pulse_rate > 20';
result = fetch(fast, 'species', 'pulse_rate');
assert(strcmp(result.species, 'Gryllus bimaculatus') && result.pulse_rate == 30)

%% Draw the pipeline
% Without a file name it is a figure.
file = [tempname() '.svg'];
draw(levada.Diagram(crickets.getSchema), file)
assert(exist(file, 'file') == 2)
delete(file)
