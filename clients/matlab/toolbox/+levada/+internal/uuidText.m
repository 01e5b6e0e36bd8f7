function text = uuidText(octets)
% uuidText  Write the 16 bytes of a uuid as text: 01234567-89ab-cdef-0123-456789abcdef.

digits = lower(sprintf('%02x', octets));
text = strjoin({digits(1:8), digits(9:12), digits(13:16), digits(17:20), digits(21:32)}, '-');
end
