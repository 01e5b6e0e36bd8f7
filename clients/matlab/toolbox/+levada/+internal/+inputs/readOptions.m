function values = readOptions(defaults, inputs)
%READOPTIONS Read pairs of names and values.
%
%   values = readOptions(defaults, inputs)
%
%   defaults   struct with every name that is allowed
%   inputs     cell of names and values; letter case does not matter

values = defaults;
names = fieldnames(defaults);
if mod(numel(inputs), 2) ~= 0
    levada.internal.errors.fail('InvalidRequest', ...
        'Options come in pairs, a name and a value: %s.', strjoin(names', ', '));
end
for index = 1:2:numel(inputs)
    given = levada.internal.inputs.plainText(inputs{index});
    match = ischar(given) & strcmpi(given, names);
    if ~any(match)
        if ~ischar(given)
            given = class(given);
        end
        levada.internal.errors.fail('InvalidRequest', ...
            'There is no option ''%s''; the options are %s.', given, strjoin(names', ', '));
    end
    values.(names{match}) = inputs{index + 1};
end
end
