function message = durationMessage(seconds)
%DURATIONMESSAGE Write a span of time as the protocol has it.

whole = floor(seconds);
message = struct('seconds', int64(whole), 'nanos', round((seconds - whole) * 1e9));
end
