function message = durationMessage(seconds)
%DURATIONMESSAGE Return the protocol's message of a number of seconds.

whole = floor(seconds);
message = struct('seconds', int64(whole), 'nanos', round((seconds - whole) * 1e9));
end
