function value = jsonValue(text, exact)
%JSONVALUE Return the value of a json attribute: as jsondecode does, or with its text.
%
%   value = jsonValue(text, exact)
%
%   value  with `exact`, a struct with levada_type 'json' and text, which is written back unchanged: jsondecode reads [1]
%          as 1 and {"a b": 1} as a struct with the field aB. No document is taken for such a struct, because the
%          database puts its shorter names first.
%
%   See also levada.internal.values.jsonText

if exact
    value = struct('levada_type', 'json', 'text', text);
else
    value = jsondecode(text);
end
end
