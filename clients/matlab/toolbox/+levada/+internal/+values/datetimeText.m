function text = datetimeText(value)
%DATETIMETEXT Write a datetime or duration as the text that the server reads, with microseconds.

if isa(value, 'duration')
    value.Format = 'hh:mm:ss.SSSSSS';
    text = char(value);
elseif isempty(value.TimeZone)
    text = char(value, 'yyyy-MM-dd HH:mm:ss.SSSSSS');
else
    value.TimeZone = 'UTC';
    text = [char(value, 'yyyy-MM-dd HH:mm:ss.SSSSSS') '+00:00'];
end
end
