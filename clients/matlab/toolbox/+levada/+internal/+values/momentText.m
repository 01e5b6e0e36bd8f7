function text = momentText(timestamp)
%MOMENTTEXT Write a moment, as the protocol has it, as text in UTC: '2026-01-05 12:30:00.250000+00:00'.

microseconds = timestamp.seconds * int64(1000000) + int64(floor(double(timestamp.nanos) / 1000));
text = levada.internal.values.timeText(microseconds, 'timestamptz');
text = text{1};
end
