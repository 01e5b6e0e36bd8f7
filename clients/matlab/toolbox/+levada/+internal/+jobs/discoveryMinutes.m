function minutes = discoveryMinutes(table)
%DISCOVERYMINUTES Return how often workers call the discover of a table: its property discoverEvery, or 5 minutes.

minutes = 5;
if isprop(table, 'discoverEvery')
    minutes = table.discoverEvery;
    if exist('duration', 'class') && isa(minutes, 'duration')
        minutes = seconds(minutes) / 60;
    end
    if ~isnumeric(minutes) || ~isscalar(minutes) || ~isreal(minutes) || ~isfinite(minutes)
        levada.internal.errors.fail('InvalidDefinition', 'discoverEvery of `%s` is a number of minutes.', class(table));
    end
    minutes = double(minutes);
end
end
