classdef buildplan < handle
%BUILDPLAN Stand-in for MATLAB's: it takes functions that end in Task, and keeps what is set.

    properties
        Functions = struct()
        Settings = struct()
        DefaultTasks = ''
    end

    methods
        function self = buildplan(functions)
            %BUILDPLAN Take the tasks among functions.
            for index = 1:numel(functions)
                name = regexp(func2str(functions{index}), '(\w+)Task$', 'tokens', 'once');
                if ~isempty(name)
                    self.Functions.(name{1}) = functions{index};
                    self.Settings.(name{1}) = struct('Dependencies', '');
                end
            end
        end

        function perform(self, name)
            %PERFORM Run a task.
            action = self.Functions.(name);
            action([]);
        end

        function varargout = subsref(self, place)
            %SUBSREF Return a task, or a property of the plan.
            if strcmp(place(1).type, '()')
                varargout = {self.Settings.(place(1).subs{1})};
            else
                [varargout{1:max(nargout, 1)}] = builtin('subsref', self, place);
            end
        end

        function self = subsasgn(self, place, value)
            %SUBSASGN Change a task, or a property of the plan.
            if strcmp(place(1).type, '()')
                self.Settings.(place(1).subs{1}) = value;
            else
                self.(place(1).subs) = value;
            end
        end
    end
end
