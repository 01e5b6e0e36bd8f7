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
    rethrow(levada.internal.errors.ofGateway(trouble));
end
end
