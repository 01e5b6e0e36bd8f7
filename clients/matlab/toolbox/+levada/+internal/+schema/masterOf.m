function master = masterOf(part)
%MASTEROF Return the master of a part, from its property `master`.

if ~isprop(part, 'master') || ~isa(part.master, 'levada.Table')
    levada.internal.errors.fail('InvalidDefinition', ...
        ['The part `%s` names no master: give it a property `master`, as in\n' ...
        '    properties (SetAccess = protected)\n        master = lab.Session\n    end'], class(part));
end
master = part.master;
end
