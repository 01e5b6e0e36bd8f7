function answer = isStandIn(value, kind)
%ISSTANDIN Return whether a value is a stand-in: a scalar struct whose first field is levada_type.
%
%   answer = isStandIn(value)
%   answer = isStandIn(value, kind)   of this kind, with a field `text`
%
%   Other structs may have a field of that name further on; they stand for themselves.
%
%   See also levada.internal.values.standIn

answer = isstruct(value) && isscalar(value) && isfield(value, 'levada_type');
if answer
    names = fieldnames(value);
    answer = strcmp(names{1}, 'levada_type');
end
if answer && nargin > 1
    answer = isequal(value.levada_type, kind) && isfield(value, 'text') && ischar(value.text);
end
end
