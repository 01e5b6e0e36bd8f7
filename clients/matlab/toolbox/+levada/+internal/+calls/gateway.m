function varargout = gateway(varargin)
%GATEWAY Call the MEX file, and raise its errors as the toolbox's own.
%   Only functions of this package call it. The commands are listed in mex/src/gateway.cpp.

persistent mex
if isempty(mex)
    file = fullfile(fileparts(mfilename('fullpath')), ['levada_gateway.' mexext()]);
    if isempty(dir(file))
        error('levada:Unsupported', ['The gateway is not built: there is no %s. Run `make matlab` in a clone of ' ...
            'Levada, or install a release, which carries it.'], file);
    end
    mex = @levada.internal.calls.levada_gateway;
end
try
    [varargout{1:nargout}] = mex(varargin{:});
catch trouble
    trouble = levada.internal.errors.withoutMexName(trouble);
    if strncmp(trouble.identifier, 'levada:', 7)
        last = mex('lastError');  % before R2020a, MATLAB reads an error's text in the encoding of the system
        trouble.message = last.message;
    end
    rethrow(trouble);
end
end
