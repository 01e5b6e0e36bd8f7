classdef Session < levada.Manual
    properties (Constant)
        definition = {
            '-> lab.Subject'
            'session : int16'
            '---'
            'day : date'
            'rate = null : longblob  # Hz'}
    end
end
