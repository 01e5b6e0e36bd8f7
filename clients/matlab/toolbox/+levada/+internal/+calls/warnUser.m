function warnUser(texts)
%WARNUSER Warn of what the server said beside its answer.
%   WARNUSER(TEXTS) takes a cell row of texts, as the gateway returns it, and warns of each as levada:Warning.

for text = texts
    warning('levada:Warning', '%s', text{1});
end
end
