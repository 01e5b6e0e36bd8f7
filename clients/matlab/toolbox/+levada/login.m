function connection = login(varargin)
%LOGIN Log in to a server, keep the token for its address, and make it the one that schemas use from now on.
%
%   levada.login()                        finds the address as levada.connect does
%   levada.login(url)
%   levada.login(..., 'Certificates', file)
%   connection = levada.login(...)
%
%   url           'host:port', with TLS if the host is another machine; or 'https://host:port'
%   Certificates  a PEM file with the authorities to trust in place of the system's
%
%   This shows the address of a page and a code, and waits until you have logged in there, in any browser. From then on
%   levada.connect, Python and the command line find the token. An authority that this system does not know is named by
%   Certificates; or `levada login` at a command line shows its fingerprint and keeps it.
%
%   Errors: levada:Unsupported (the server trusts no issuer of identities; an administrator makes tokens),
%   levada:Unauthenticated (you were refused, or took too long), levada:Unavailable (the server or the issuer does not
%   answer).
%
%   See also levada.connect

inputs = cellfun(@levada.internal.inputs.plainText, varargin, 'UniformOutput', false);
source = struct('url', '', 'certificates', '');
if mod(numel(inputs), 2) == 1
    source.url = inputs{1};
    inputs(1) = [];
end
named = levada.internal.inputs.readOptions(struct('Certificates', ''), inputs);
if isempty(source.url)
    source = levada.internal.calls.findServer();
end
if ~isempty(named.Certificates)
    source.certificates = named.Certificates;
end
credential = struct('token', '', 'authority', '');
kept = levada.internal.credentials.keptCredential(source.url);
if ~isempty(kept)
    credential.authority = kept.authority;
end
if ~isempty(source.certificates)
    credential.authority = levada.internal.credentials.readCertificates(source.certificates);
end
credential.token = levada.internal.credentials.issuedToken(source.url, credential.authority);
opened = levada.Connection(source.url, credential.token, '', credential.authority);
caller = levada.internal.api.getCaller(opened, struct());
levada.internal.credentials.keepCredential(source.url, credential);
levada.internal.calls.defaultConnection(opened);
fprintf('You are %s at %s; the token is kept for this address.\n', caller.user.name, source.url);
if nargout > 0
    connection = opened;
end
end
