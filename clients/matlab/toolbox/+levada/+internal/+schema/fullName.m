function text = fullName(name)
%FULLNAME Return a TableName as users write it: `lab`.`session__trial`.

words = lower(regexprep(name.table, '(?<!^|\.)([A-Z])', '_$1'));
text = ['`' name.schema '`.`' strrep(words, '.', '__') '`'];
end
