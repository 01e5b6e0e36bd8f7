function text = printable(text)
%PRINTABLE Replace what a terminal would obey in the text of others, and what turns the direction of reading, by ?.

obeyed = '[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]';
text = regexprep(text, obeyed, '?');
end
