function name = definingClass(object, method)
%DEFININGCLASS Return the name of the class that defines a method of an object, or ''.

name = '';
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
        return
    end
end
end
