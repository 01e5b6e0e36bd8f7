function texts = timeText(counts, kind)
%TIMETEXT Write dates and times as text: a cell column.
%
%   texts = timeText(counts, kind)
%
%   counts  int64: days since 1970-01-01 for 'date', else microseconds, since midnight for 'time'
%   kind    'date': 2026-01-05; 'time': 12:30:00; 'duration': -12:30:00, 838:59:59;
%           'datetime', 'timestamp': 2026-01-05 12:30:00;
%           'timestamptz': 2026-01-05 12:30:00+00:00. A fraction of a second follows: 12:30:00.250000.

counts = int64(counts(:));
microsecondsPerDay = int64(86400000000);
switch kind
    case 'date'
        texts = dateTexts(counts);
    case 'time'
        texts = clockTexts(counts);
    case 'duration'
        texts = clockTexts(abs(counts));  % of any number of hours
        texts(counts < 0) = strcat('-', texts(counts < 0));
    otherwise
        clock = mod(counts, microsecondsPerDay);
        ending = '';
        if strcmp(kind, 'timestamptz')
            ending = '+00:00';
        end
        texts = cellfun(@(day, time) [day ' ' time ending], dateTexts((counts - clock) ./ microsecondsPerDay), ...
            clockTexts(clock), 'UniformOutput', false);
end
end

function texts = dateTexts(days)
% From a count of days to the proleptic Gregorian calendar, in years that begin in March.
daysToEra = 719468;  % from 0000-03-01 to 1970-01-01
shifted = double(days) + daysToEra;
era = floor(shifted / 146097);
dayOfEra = shifted - era * 146097;
yearOfEra = floor((dayOfEra - floor(dayOfEra / 1460) + floor(dayOfEra / 36524) - floor(dayOfEra / 146096)) / 365);
dayOfYear = dayOfEra - (365 * yearOfEra + floor(yearOfEra / 4) - floor(yearOfEra / 100));
shiftedMonth = floor((5 * dayOfYear + 2) / 153);
day = dayOfYear - floor((153 * shiftedMonth + 2) / 5) + 1;
month = shiftedMonth + 3 - 12 * (shiftedMonth >= 10);
year = yearOfEra + era * 400 + (month <= 2);
texts = lines('%04d-%02d-%02d', [year, month, day]);
end

function texts = clockTexts(microseconds)
% Seconds are exact as double; microseconds are not, past 285 years.
fraction = mod(microseconds, int64(1000000));
seconds = double((microseconds - fraction) ./ int64(1000000));
fraction = double(fraction);
texts = lines('%02d:%02d:%02d', [floor(seconds / 3600), mod(floor(seconds / 60), 60), mod(seconds, 60)]);
broken = fraction ~= 0;
if any(broken)
    texts(broken) = strcat(texts(broken), lines('.%06d', fraction(broken)));
end
end

function texts = lines(format, numbers)
if isempty(numbers)
    texts = cell(0, 1);
else
    texts = reshape(strsplit(sprintf([format '\n'], numbers'), char(10)), [], 1);
    texts(end) = [];
end
end
