function showNow(varargin)
%SHOWNOW Print as fprintf does, and at once: Octave keeps output back if it does not go to a terminal.

fprintf(varargin{:});
if exist('OCTAVE_VERSION', 'builtin')
    fflush(stdout());
end
end
