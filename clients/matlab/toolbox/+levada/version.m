function text = version()
%VERSION Return the version of this toolbox, such as '0.1.0'.
%
%   Every call reports it to the server. ServerVersion of levada.Connection has the server's.

text = '0.1.0';
end
