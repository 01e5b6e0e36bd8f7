function checkOutputs(method, names, outputs)
% checkOutputs  Refuse a number of outputs that is not that of the attributes.

if max(outputs, 1) ~= numel(names)
    levada.internal.errors.fail('InvalidRequest', ...
        '%s gives one output per attribute: %d are named, and %d are taken.', ...
        method, numel(names), outputs);
end
end
