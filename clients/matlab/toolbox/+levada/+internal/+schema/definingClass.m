function name = definingClass(object, method)
% definingClass  Give the name of the class that a method of an object comes from, '' where it has none.

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
