function text = fullName(name)
%FULLNAME Return a TableName as users write it: `lab`.`session__trial`.

parts = strsplit(name.table, '.');
parts = cellfun(@(p) lower(regexprep(p, '(?<!^)([A-Z])', '_$1')), parts, 'UniformOutput', false);
text = sprintf('`%s`.`%s`', name.schema, strjoin(parts, '__'));
end
