function name = computer(~)
%COMPUTER Stand-in for MATLAB's computer('arch') on Linux.

name = 'glnxa64';
end
