classdef Changing < levada.Manual
    properties (Dependent)
        definition
    end
    methods
        function text = get.definition(self)
            % The definition that a test has chosen.
            text = levada.config('changing_definition');
        end
    end
end
