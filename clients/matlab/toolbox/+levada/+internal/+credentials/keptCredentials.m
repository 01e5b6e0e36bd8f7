function [kept, file] = keptCredentials()
%KEPTCREDENTIALS Read the file of this user's credentials.
%
%   [kept, file] = keptCredentials()
%
%   kept  a cell column of structs with address, token and authority
%   file  the path of the file, which need not exist
%
%   See also levada.internal.credentials.findCredential, levada.internal.credentials.keepCredential

kept = {};
file = credentialsFile();
if ~exist(file, 'file')
    return
end
[~, found] = fileattrib(file);
if isunix() && (found.GroupRead || found.OtherRead || found.GroupWrite || found.OtherWrite)
    levada.internal.errors.fail('InvalidRequest', 'Others can read %s, which holds tokens; run `chmod 600 %s`.', ...
        file, file);
end
content = jsondecode(fileread(file));
if ~isempty(content)
    kept = num2cell(content);
end
end

function file = credentialsFile()
file = getenv('LEVADA_CREDENTIALS');
if ~isempty(file)
    return
end
folder = getenv('XDG_CONFIG_HOME');
if isempty(folder)
    home = getenv('HOME');
    if isempty(home)
        home = getenv('USERPROFILE');
    end
    folder = fullfile(home, '.config');
end
file = fullfile(folder, 'levada', 'credentials.json');
end
