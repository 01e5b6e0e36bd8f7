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
    text = jsonencode(value);
end
end
