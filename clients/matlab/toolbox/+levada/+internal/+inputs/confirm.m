function answer = confirm(lines, question, prompt)
%CONFIRM Show the effects of an operation, and ask whether to go on.
%
%   answer = confirm(lines, question, prompt)
%
%   prompt  false: do not ask, the answer is yes

answer = true;
if prompt
    fprintf('%s\n', lines{:});
    reply = '';
    while ~any(strcmpi(reply, {'yes', 'no'}))
        try
            reply = strtrim(input([question ' (yes/no) > '], 's'));
        catch
            levada.internal.errors.fail('PreconditionFailed', ...
                ['Nobody can answer ''%s'' here. Pass ''Prompt'', false, or ' ...
                'call levada.config(''safemode'', false).'], question);
        end
    end
    answer = strcmpi(reply, 'yes');
end
end
