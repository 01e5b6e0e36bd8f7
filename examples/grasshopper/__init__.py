"""An auditory receptor neuron of a grasshopper: from the recorded files to spike-triggered averages."""
