function [name, access] = definingClass(object, method)
%DEFININGCLASS Return the name of the class that defines a method of an object, and its access; '' for no such method.
%
%   [name, access] = definingClass(object, method)
%
%   access  'public', 'protected' or 'private'; 'restricted' for a list of classes

name = '';
access = '';
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
        access = 'restricted';
        if ischar(found.Access)
            access = found.Access;
        end
        return
    end
end
end
