function [words, values] = takeOptions(words, defaults)
%TAKEOPTIONS Take named options out of the arguments of a method that takes other arguments as well.
%
%   [words, values] = takeOptions(words, defaults)
%
%   defaults  struct with every name that is taken
%   values    the same struct with the values that are given

values = defaults;
for name = reshape(fieldnames(defaults), 1, [])
    [words, values.(name{1})] = levada.internal.inputs.takeOption(words, name{1}, defaults.(name{1}));
end
end
