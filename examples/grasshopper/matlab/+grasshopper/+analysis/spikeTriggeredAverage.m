function [lags, average, number] = spikeTriggeredAverage(spikeTimes, stimulus, samplingRate, window)
%SPIKETRIGGEREDAVERAGE Average the stimulus over the samples that come just before each spike.
%
%   [lags, average, number] = spikeTriggeredAverage(spikeTimes, stimulus, samplingRate, window)
%
% spikeTimes    in s; a spike between two samples is assigned to the nearer one
%   stimulus      sampled from time 0 on
%   samplingRate  in Hz
%   window        how far back to look, in s
%   lags          of each sample relative to the spike, in s, ascending and negative: a column
%   average       in the unit of the stimulus: a column
% number        of spikes averaged; spikes without a whole window before them are left out

lagCount = round(window * samplingRate);
samples = round(spikeTimes(:) * samplingRate);
samples = samples(samples >= lagCount & samples <= numel(stimulus));
if isempty(samples)
    error('grasshopper:noSpikes', 'No spike has %g s of stimulus before it.', window);
end
offsets = (-lagCount:-1)';
lags = offsets / samplingRate;
average = mean(reshape(stimulus(samples' + offsets + 1), lagCount, []), 2);
number = numel(samples);
end
