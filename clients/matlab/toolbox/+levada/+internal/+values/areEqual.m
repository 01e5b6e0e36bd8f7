function answer = areEqual(one, other, tolerance)
%AREEQUAL Return whether two values are equal, with NaN equal to NaN, and numbers as far apart as a tolerance.
%
%   answer = areEqual(one, other, tolerance)
%
%   A number and its text are equal, as 1.5 and '1.50' of a decimal, and so are texts of a moment with T or a space.

answer = false;
if ischar(one) && ischar(other)
    answer = strcmp(one, other) || strcmp(moment(one), moment(other)) || areSameNumbers(one, other, tolerance);
elseif ischar(one) || ischar(other)
    answer = areSameNumbers(one, other, tolerance);
elseif isstruct(one) && isstruct(other)
    names = sort(fieldnames(one));
    answer = isequal(size(one), size(other)) && isequal(names, sort(fieldnames(other))) && areEqual( ...
        struct2cell(orderfields(one)), struct2cell(orderfields(other)), tolerance);
elseif iscell(one) && iscell(other)
    answer = isequal(size(one), size(other)) && all(cellfun(@(a, b) areEqual(a, b, tolerance), one(:), other(:)));
elseif (isnumeric(one) || islogical(one)) && (isnumeric(other) || islogical(other))
    answer = isequal(size(one), size(other)) && areNear(one(:), other(:), tolerance);
else
    answer = strcmp(class(one), class(other)) && isequaln(one, other);
end
end

function answer = areNear(one, other, tolerance)
if isinteger(one) && isinteger(other) && tolerance == 0
    answer = isequal(int64(one), int64(other)) && isequal(uint64(one), uint64(other));
    return
end
one = double(one);
other = double(other);
answer = all(one == other | (isnan(one) & isnan(other)) | abs(one - other) <= tolerance);
end

function answer = areSameNumbers(one, other, tolerance)
numbers = {one, other};
for index = 1:2
    if ischar(numbers{index})
        numbers{index} = str2double(numbers{index});
    end
end
answer = all(cellfun(@(n) isnumeric(n) && isscalar(n) && ~isnan(n), numbers)) && areNear(numbers{1}, numbers{2}, ...
    tolerance);
end

function text = moment(text)
% The text of a moment or UUID without the differences of spelling.
text = lower(regexprep(text, {'(?<=\d)T(?=\d)', '(?<=\d)(Z|\+00:?00)$', '\.0+$'}, {' ', '', ''}));
end
