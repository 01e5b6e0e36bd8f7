function connection = connect(varargin)
%CONNECT Connect to a server, and make it the one that schemas use from now on.
%
%   levada.connect()                      finds the address, see below
%   levada.connect(url)
%   levada.connect(url, token)
%   levada.connect(..., 'Certificates', file)
%   connection = levada.connect(...)
%
%   url           'host:port'; 'https://host:port' or 'grpcs://host:port' with TLS; or 'unix:/path'
%   token         an API token, if the server needs one
%   Certificates  a PEM file with the authorities to trust in place of the system's
%
%   Without a url, the address comes from the environment's LEVADA_URL and LEVADA_TOKEN; else from the file levada.toml
%   (url, token, certificates) in this folder or one above; else from the local server that runs for this folder. This
%   function starts no server; `levada serve` at a command line does.
%
%   Errors: levada:Unavailable (no server answers), levada:Unauthenticated (wrong token), levada:InvalidRequest (no
%   address is found, or a setting is wrong).
%
%   See also levada.conn, levada.Connection

inputs = cellfun(@levada.internal.inputs.plainText, varargin, 'UniformOutput', false);
positional = {'', ''};
for index = 1:2
    if ~isempty(inputs) && ischar(inputs{1}) && ~strcmpi(inputs{1}, 'Certificates')
        positional{index} = inputs{1};
        inputs(1) = [];
    end
end
named = levada.internal.inputs.readOptions(struct('Certificates', ''), inputs);
if isempty(positional{1})
    source = levada.internal.calls.findServer(positional{2});
else
    source = struct('url', positional{1}, 'token', positional{2}, 'certificates', '');
end
if ~isempty(named.Certificates)
    source.certificates = named.Certificates;
end
opened = levada.Connection(source.url, source.token, source.certificates);
levada.internal.calls.defaultConnection(opened);
if nargout > 0
    connection = opened;
end
end
