function attributes = headerOf(heading)
%HEADEROF Turn attributes of the protocol into the header that users read; see levada.Relation/header.

attributes = struct('name', {}, 'type', {}, 'iskey', {}, 'isnullable', {}, 'default', {}, 'comment', {});
for index = 1:numel(heading)
    given = heading{index};
    attributes(index).name = given.name;
    attributes(index).type = given.type;
    attributes(index).iskey = isfield(given, 'primary_key') && given.primary_key;
    attributes(index).isnullable = isfield(given, 'nullable') && given.nullable;
    attributes(index).default = optional(given, 'default_value');
    attributes(index).comment = optional(given, 'comment');
end
end

function text = optional(given, field)
text = '';
if isfield(given, field)
    text = given.(field);
end
end
