function credential = keptCredential(url)
%KEPTCREDENTIAL Return what is kept for a server, a struct with address, token and authority; [] for nothing.
%
%   See also levada.internal.credentials.findCredential

credential = [];
kept = levada.internal.credentials.keptCredentials();
for index = 1:numel(kept)
    if strcmp(kept{index}.address, levada.internal.credentials.credentialAddress(url))
        credential = kept{index};
    end
end
end
