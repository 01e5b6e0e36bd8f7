function [host, process, user] = describeWorker()
%DESCRIBEWORKER Return the names of this machine and user, and the number of this process.

if exist('OCTAVE_VERSION', 'builtin')
    host = gethostname();
    process = getpid();
else
    host = getenv('HOSTNAME');
    process = feature('getpid');
    if isempty(host)
        [~, host] = system('hostname');
        host = strtrim(host);
    end
end
user = getenv('USER');
if isempty(user)
    user = getenv('USERNAME');
end
end
