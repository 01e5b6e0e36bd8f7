classdef Song < levada.Manual
%SONG A recording of a song, as its envelope.

    properties (Constant)
        definition = {
            '# a recording of a song'
            '-> crickets.Animal'
            'song : int16'
            '---'
            'rate : float64  # samples per second'
            'envelope : <blob>  # loudness of each sample, between 0 and 1'}
    end
end
