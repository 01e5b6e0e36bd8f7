classdef ToolboxOptions < handle
%TOOLBOXOPTIONS Stand-in for MATLAB's, with the properties that its documentation lists.

    properties
        ToolboxFolder = ''
        Identifier = ''
        ToolboxName = ''
        ToolboxVersion = ''
        AuthorName = ''
        AuthorEmail = ''
        AuthorCompany = ''
        Summary = ''
        Description = ''
        ToolboxImageFile = ''
        ToolboxFiles = {}
        ToolboxMatlabPath = {}
        ToolboxGettingStartedGuide = ''
        AppGalleryFiles = {}
        OutputFile = ''
        MinimumMatlabRelease = ''
        MaximumMatlabRelease = ''
        SupportedPlatforms = struct('Win64', true, 'Glnxa64', true, 'Maci64', true, 'MatlabOnline', true)
        RequiredAddons = struct()
        RequiredAdditionalSoftware = struct()
    end

    methods
        function self = ToolboxOptions(folder, identifier)
            %TOOLBOXOPTIONS Name the folder and the identifier.
            self.ToolboxFolder = folder;
            self.Identifier = identifier;
        end
    end
end
