function [files, unread] = unchangedFiles(folder, varargin)
%UNCHANGEDFILES Find the files below a folder that have not changed for some minutes, so that they are whole.
%
%   files = levada.unchangedFiles(folder)
%   files = levada.unchangedFiles(folder, 'Minutes', 5, 'Pattern', '*.h5')
%   [files, unread] = levada.unchangedFiles(...)
%
%   For the discover of a class. FILES is a cell column of paths that begin with FOLDER, in order; all folders below it
%   are searched. A file changes when it is written, renamed or gets another time or mode. Links are left out; FOLDER
%   itself may be one. A file with a time in the future, by the clock of this machine, has just changed. (Windows notes
%   only the time at which a file was written.)
%
%   Minutes  for how long a file must not have changed; 0 for all files
%   Pattern  only files whose names match: * is anything, ? one letter, [abc] one of these, [!abc] another one
%
%   UNREAD is a cell column of the folders below it that cannot be read. If it is not requested, these are an error.
%
%   Errors: levada:NotFound (there is no such folder; a share may not be mounted), levada:PreconditionFailed (one cannot
%   be read).
%
%   See also levada.Manual, levada.Imported, levada.Table/unchangedFiles

named = levada.internal.inputs.readOptions(struct('Minutes', 5, 'Pattern', ''), varargin);
minutes = levada.internal.inputs.readMinutes(named.Minutes);
root = levada.internal.inputs.plainText(folder);
files = cell(0, 1);
unread = cell(0, 1);
trouble = [];
waiting = {root};
while ~isempty(waiting)
    folder = waiting{1};
    waiting(1) = [];
    try
        found = levada.internal.calls.gateway('listFolder', folder);
    catch failure
        isGone = strcmp(failure.identifier, 'levada:NotFound');
        if strcmp(folder, root) || ~(isGone || strcmp(failure.identifier, 'levada:PreconditionFailed'))
            rethrow(failure)
        end
        if ~isGone  % removed since
            unread{end + 1, 1} = folder; %#ok<AGROW>
            trouble = failure;
        end
        continue
    end
    paths = cellfun(@(name) fullfile(folder, name), reshape(found.names, [], 1), 'UniformOutput', false);
    isOld = minutes == 0 | found.seconds >= 60 * minutes;
    isNamed = levada.internal.inputs.fitsPattern(found.names, named.Pattern);
    files = [files; paths(found.isFile & isOld & isNamed)]; %#ok<AGROW>
    waiting = [waiting, reshape(paths(found.isFolder), 1, [])]; %#ok<AGROW>
end
if ~isempty(trouble) && nargout < 2
    levada.internal.errors.raise(trouble);
end
files = sort(files);
end
