function messages = jobMessages(job)
%JOBMESSAGES Return a job and its rows, in pieces, as messages of CompleteJobs and ReplaceResults.
%
%   job  a struct with header and inserts, as levada.internal.jobs.runJob returns them

messages = {struct('job', job.header)};
for insert = job.inserts
    pieces = cellfun(@(p) struct('arrow_ipc', p), insert{1}.pieces, 'UniformOutput', false);
    messages = [messages, {struct('rows', insert{1}.rows)}, pieces]; %#ok<AGROW>
end
end
