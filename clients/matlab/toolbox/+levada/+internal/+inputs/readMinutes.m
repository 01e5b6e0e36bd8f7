function minutes = readMinutes(minutes)
%READMINUTES Check the option Minutes: a number, 0 or more.

if ~isnumeric(minutes) || ~isscalar(minutes) || ~(minutes >= 0)
    levada.internal.errors.fail('InvalidRequest', 'Minutes is a number, 0 or more.');
end
end
