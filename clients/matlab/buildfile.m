function plan = buildfile()
%BUILDFILE Describe the tasks of MATLAB's build tool: buildtool in this folder builds the gateway and checks the toolbox.
%
%   buildtool mex       builds the gateway for this MATLAB, which needs Python, CMake, a compiler and vcpkg
%   buildtool test      checks the toolbox; with LEVADA_URL set, also by the examples, on that server
%   buildtool package   makes build/levada.mltbx of the toolbox, its help pages and all gateways that are in it
%
%   The packaging needs no .prj file: the options below say all that one would.

plan = buildplan(localfunctions());
test = plan("test");
test.Dependencies = "mex";
plan("test") = test;
plan.DefaultTasks = "test";
end

function mexTask(~)
% Build the gateway with the static libraries of vcpkg
python = getenv('LEVADA_PYTHON');
if isempty(python)
    python = 'python3';
end
triplets = struct('glnxa64', 'x64-linux', 'win64', 'x64-windows-static-md', 'maca64', 'arm64-osx', 'maci64', 'x64-osx');
triplet = triplets.(computer('arch'));
options = {'-DLEVADA_MATLAB=ON', ['-DMatlab_ROOT_DIR=' matlabroot()], ['-DVCPKG_TARGET_TRIPLET=' triplet], ...
    ['-DCMAKE_TOOLCHAIN_FILE=' fullfile(getenv('VCPKG_ROOT'), 'scripts', 'buildsystems', 'vcpkg.cmake')]};
command = [quoted(python) ' ' quoted(fullfile(here(), 'mex', 'build.py')) ' --' sprintf(' "%s"', options{:})];
if system(command) ~= 0
    error('levada:PreconditionFailed', 'The gateway was not built; the output above says why.');
end
end

function testTask(~)
% Check the toolbox as it is installed
addpath(fullfile(here(), 'toolbox'), fullfile(here(), 'toolbox', 'examples'), fullfile(here(), 'checks'));
checkToolbox();
end

function packageTask(~)
% Make build/levada.mltbx
root = fileparts(fileparts(here()));
help = fullfile(root, 'build', 'matlab_help');
if ~exist(fullfile(help, 'info.xml'), 'file')
    error('levada:PreconditionFailed', 'There are no help pages yet: run `python -m clients.matlab.help_pages` in %s.', root);
end
folder = fullfile(root, 'build', 'matlab_toolbox');
if exist(folder, 'dir')
    rmdir(folder, 's');
end
copyfile(fullfile(here(), 'toolbox'), folder);
copyfile(fullfile(help, '*'), folder);
copyfile(fullfile(root, 'LICENSE'), fullfile(folder, 'LICENSE'));
addpath(fullfile(here(), 'toolbox'));
systems = gatewaysIn(folder);

options = matlab.addons.toolbox.ToolboxOptions(folder, 'b0a3c3a2-5d3e-4f0e-9d0b-3a3f6f0f6c21');
options.ToolboxName = 'Levada';
options.ToolboxVersion = levada.version();
options.Summary = 'Scientific data pipelines on a Levada server';
options.Description = 'Tables, queries and computations on a Levada server, shared with Python.';
options.ToolboxMatlabPath = {folder, fullfile(folder, 'examples')};
options.MinimumMatlabRelease = 'R2019b';
options.SupportedPlatforms.Glnxa64 = systems.mexa64;
options.SupportedPlatforms.Win64 = systems.mexw64;
options.SupportedPlatforms.Maci64 = systems.mexmaca64 || systems.mexmaci64;
options.SupportedPlatforms.MatlabOnline = false;
options.OutputFile = fullfile(root, 'build', 'levada.mltbx');
matlab.addons.toolbox.packageToolbox(options);
end

function found = gatewaysIn(folder)
place = fullfile(folder, '+levada', '+internal', '+calls');
found = struct();
for ending = {'mexa64', 'mexw64', 'mexmaca64', 'mexmaci64'}
    found.(ending{1}) = ~isempty(dir(fullfile(place, ['levada_gateway.' ending{1}])));
end
if ~any(structfun(@(there) there, found))
    error('levada:PreconditionFailed', 'No gateway is in %s: run `buildtool mex` first.', place);
end
octaves = fullfile(place, 'levada_gateway.mex');
if exist(octaves, 'file')
    delete(octaves);
end
end

function text = quoted(text)
text = ['"' text '"'];
end

function folder = here()
folder = fileparts(mfilename('fullpath'));
end
