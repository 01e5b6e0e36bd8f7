function packageToolbox(options)
%PACKAGETOOLBOX Stand-in for MATLAB's: it prints the options.

printf('packaged: %s\n', jsonencode(struct('folder', options.ToolboxFolder, 'name', options.ToolboxName, ...
    'version', options.ToolboxVersion, 'path', {options.ToolboxMatlabPath}, 'output', options.OutputFile, ...
    'systems', options.SupportedPlatforms)));
end
