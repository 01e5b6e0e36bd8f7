function warnUser(texts)
%WARNUSER Show the warnings that the server sent with its answer.
%   WARNUSER(TEXTS) takes a cell row of texts, as the gateway returns it, and shows each as levada:Warning.

for text = texts
    warning('levada:Warning', '%s', text{1});
end
end
