function checkToolbox()
%CHECKTOOLBOX Check an installed toolbox: its gateway, its help, and its examples if there is a server.
%
%   checkToolbox()   with the toolbox and its examples on the path
%
%   The examples run on the server that the environment's LEVADA_URL names, and are left out without it. Octave
%   leaves out the checks of MATLAB's own files.

folder = fileparts(fileparts(which('levada.version')));
assert(~isempty(regexp(levada.version(), '^\d+\.\d+\.\d+$', 'once')), 'levada.version is %s', levada.version());

failure = refusedConnection();
assert(strcmp(failure.identifier, 'levada:Unavailable'), 'The gateway does not work: %s', failure.message);

shown = evalc('help levada.connect');
assert(~isempty(strfind(shown, 'Connect to a server')), 'help levada.connect shows %s', shown); %#ok<STREMP>
if exist('validateFunctionSignaturesJSON', 'file')
    problems = validateFunctionSignaturesJSON(fullfile(folder, 'resources', 'functionSignatures.json'));
    assert(isempty(problems), 'functionSignatures.json has %d problems', numel(problems));
end

if isempty(getenv('LEVADA_URL'))
    fprintf('The examples are left out, because LEVADA_URL is not set.\n');
    return
end
for example = dir(fullfile(folder, 'examples', '*.m'))'
    fprintf('Running %s\n', example.name);
    runExample(example.name(1:end - 2));
end
end

function failure = refusedConnection()
failure = struct('identifier', '', 'message', 'a call to nobody succeeded');
try
    levada.connect('localhost:1');
catch failure
end
end

function runExample(name)
% Their variables are of no use here.
evalin('base', name);
end
