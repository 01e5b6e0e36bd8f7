function [name, access, outputs] = definingClass(object, method)
%DEFININGCLASS Return the name of the class that defines a method of an object, and its access; '' for no such method.
%
%   [name, access, outputs] = definingClass(object, method)
%
%   access  'public', 'protected' or 'private'; 'restricted' for a list of classes
%   outputs  how many results it names; 1 for no such method; Octave does not know it

name = '';
access = '';
outputs = 1;
description = metaclass(object);
methods = description.MethodList;
for index = 1:numel(methods)
    if iscell(methods)  % Octave
        found = methods{index};
    else
        found = methods(index);
    end
    if strcmp(found.Name, method)
        name = found.DefiningClass.Name;
        if nargout > 2
            outputs = numel(found.OutputNames);
        end
        access = 'restricted';
        if ischar(found.Access)
            access = found.Access;
        end
        return
    end
end
end
