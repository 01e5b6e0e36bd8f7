function check(condition, varargin)
%CHECK Fail the test where a condition does not hold; what is behind it is shown.

if ~condition
    shown = cellfun(@(v) regexprep(evalc('disp(v)'), '\s+$', ''), varargin, 'UniformOutput', false);
    error('test:failed', 'does not hold: %s', strjoin(shown, ' | '));
end
end
