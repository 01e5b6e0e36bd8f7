function checkOutputs(method, names, outputs)
%CHECKOUTPUTS Check that there are as many outputs as attributes.

if max(outputs, 1) ~= numel(names)
    levada.internal.errors.fail('InvalidRequest', ...
        '%s returns one output per attribute: %d attributes are named, and %d outputs are requested.', ...
        method, numel(names), outputs);
end
end
