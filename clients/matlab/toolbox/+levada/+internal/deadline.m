function seconds = deadline(method)
%DEADLINE Seconds that a call of a method may take.
%   A call that touches no rows gets a minute, others six hours; a dead peer is noticed long before.

if isempty(regexp(method, '/(Get|List|Describe)[^/]*$', 'once'))
    seconds = 6 * 3600;
else
    seconds = 60;
end
end
