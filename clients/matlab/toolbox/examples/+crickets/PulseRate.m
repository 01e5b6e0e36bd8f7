classdef PulseRate < levada.Computed
%PULSERATE How many pulses per second a song has.

    properties (Constant)
        definition = {
            '# pulses per second'
            '-> crickets.Song'
            '---'
            'pulses : int32'
            'pulse_rate : float64  # Hz'}
    end

    methods
        function make(self, key)
            %MAKE Count where the envelope rises above one half.
            song = fetch1(crickets.Song & key, '*');
            loud = song.envelope > 0.5;
            key.pulses = sum(diff([false; loud(:)]) == 1);
            key.pulse_rate = key.pulses * song.rate / numel(song.envelope);
            insert(self, key)
        end
    end
end
