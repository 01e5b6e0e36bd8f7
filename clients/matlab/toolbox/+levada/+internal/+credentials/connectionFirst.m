function [connection, inputs] = connectionFirst(inputs)
%CONNECTIONFIRST Take the connection that may come before other arguments; the one of schemas by default.

if ~isempty(inputs) && isa(inputs{1}, 'levada.Connection')
    connection = inputs{1};
    inputs(1) = [];
else
    connection = levada.conn();
end
end
