classdef Animal < levada.Manual
%ANIMAL A cricket.

    properties (Constant)
        definition = {
            '# a cricket'
            'animal : int32'
            '---'
            'species : varchar(40)'
            'weight = null : float64  # mg'}
    end
end
