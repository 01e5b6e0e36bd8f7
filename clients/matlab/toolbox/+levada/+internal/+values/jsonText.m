function text = jsonText(value)
%JSONTEXT Return the text of a value for a json attribute; an empty value is NULL, and is returned as it is.
%
%   text = jsonText(value)
%
%   value  what jsonencode takes; or a struct with levada_type 'json' and text, as fetch returns it with 'Exact': its
%          text is stored unchanged
%
%   See also levada.internal.values.jsonValue

if levada.internal.values.isStandIn(value, 'json')
    text = value.text;
elseif isempty(value) && ~ischar(value) && ~isstruct(value)
    text = [];
else
    if exist('OCTAVE_VERSION', 'builtin') && holdsLarge(value)
        levada.internal.errors.fail('WrongValue', ...
            ['jsonencode of Octave cannot write whole numbers from 999999999999999 on exactly. Give the text instead: ' ...
            'struct(''levada_type'', ''json'', ''text'', ''{"n": 9007199254740993}'').']);
    end
    text = jsonencode(value);
end
end

function answer = holdsLarge(value)
if isstruct(value)
    value = struct2cell(value);
end
if iscell(value)
    answer = any(cellfun(@holdsLarge, value(:)));
else
    answer = isinteger(value) && any(abs(double(value(:))) >= 999999999999999);
end
end
