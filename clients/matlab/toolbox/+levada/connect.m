function connection = connect(varargin)
%CONNECT Connect to a server, and make it the one that schemas use from now on.
%
%   levada.connect()                      finds the address, see below
%   levada.connect(url)
%   levada.connect(url, token)
%   levada.connect(..., 'Certificates', file)
%   connection = levada.connect(...)
%
%   url           'host:port', with TLS if the host is another machine; 'https://host:port'; or 'unix:/path'
%   token         a token; a server that you run on this machine needs none
%   Certificates  a PEM file with the authorities to trust in place of the system's
%
%   Without a url, the address comes from the environment's LEVADA_URL; else from the file levada.toml (url,
%   certificates) in this folder or one above; else from the local server that runs for this folder. This function
%   starts no server; `levada serve` at a command line does.
%
%   Without a token, it is the environment's LEVADA_TOKEN if the address is LEVADA_URL; else what `levada login` at a
%   command line keeps for the address.
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
if ~isempty(inputs) && ~ischar(inputs{1})
    levada.internal.errors.fail('InvalidRequest', ...
        'levada.connect takes an address, such as ''localhost:50051'', and a token as text, not a %s.', class(inputs{1}));
end
named = levada.internal.inputs.readOptions(struct('Certificates', ''), inputs);
if isempty(positional{1})
    source = levada.internal.calls.findServer();
else
    source = struct('url', positional{1}, 'certificates', '');
end
credential = levada.internal.credentials.findCredential(source.url, positional{2});
if ~isempty(named.Certificates)
    source.certificates = named.Certificates;
end
opened = levada.Connection(source.url, credential.token, source.certificates, credential.authority);
levada.internal.calls.defaultConnection(opened);
if nargout > 0
    connection = opened;
end
end
