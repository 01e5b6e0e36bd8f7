function check(condition, varargin)
%CHECK Fail the test if a condition does not hold, and show the values behind it.

if ~condition
    shown = cellfun(@(v) regexprep(evalc('disp(v)'), '\s+$', ''), varargin, 'UniformOutput', false);
    error('test:failed', 'does not hold: %s', strjoin(shown, ' | '));
end
end
