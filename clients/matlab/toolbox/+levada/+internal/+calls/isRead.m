function answer = isRead(method)
%ISREAD True for a method that changes nothing.

answer = ~isempty(regexp(method, '/(Get|List|Describe|Count|Check|Explain|Plan|Fetch)[^/]*$', 'once'));
end
