%% Change, check and delete rows
% How to change rows together or not at all, find faults before an insert, and see what a delete will take. It uses the
% tables of |gettingStarted|, with an animal of its own.

%% Start with an animal
levada.connect();
levada.config('safemode', false);  % do not ask before rows are deleted
del(crickets.Animal & 'animal = 100');
insert(crickets.Animal, struct('animal', 100, 'species', 'Acheta domesticus'));
insert(crickets.Song, struct('animal', 100, 'song', 1, 'rate', 10, 'envelope', [0 1 0 1 0]));

%% Change an attribute
update(crickets.Animal & 'animal = 100', 'weight', 310);
assert(fetch1(crickets.Animal & 'animal = 100', 'weight') == 310)

%% Change several tables together
% An error undoes all changes of the function.
connection = levada.conn();
try
    connection.transaction(@() insert(crickets.Song, {100 2 10 [0 1]; 100 1 10 [0 1]}));
catch failure
    disp(failure.message)
end
assert(strcmp(failure.identifier, 'levada:DuplicateEntity'))
assert(count(crickets.Song & 'animal = 100') == 1)

%% Find faults before an insert
% |validate| asks the server and keeps no row.
faults = validate(crickets.Animal, struct('animal', {101; 102}, 'species', {'Gryllus'; repmat('x', 1, 50)}));
assert(faults.row == 2 && strcmp(faults.attribute, 'species'))

%% See what a delete takes
% Songs depend on their animal and go with it.
plan = del(crickets.Animal & 'animal = 100', 'DryRun', true);
disp(plan)
assert(plan.confirm() == 1)
assert(~exists(crickets.Song & 'animal = 100'))
