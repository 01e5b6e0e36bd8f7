function value = config(name, new)
%CONFIG Read and change settings of this session.
%
%   all = levada.config()           returns a struct of all settings
%   value = levada.config(name)
%   levada.config(name, value)      changes one; before = levada.config(name, value) returns the old value
%
%   safemode           ask before rows or tables are deleted (true)
%   displayLimit       rows of a preview (12)
%   displayCount       count the rows below a preview (true)
%   ignoreExtraFields  inserts leave out fields that are not attributes (false)
%   aggrKeepAllRows    aggr keeps entities without a match (true)
%
%   Any other name is kept for the code that set it.

persistent settings
if isempty(settings)
    settings = struct('safemode', true, 'displayLimit', 12, 'displayCount', true, 'ignoreExtraFields', false, ...
        'aggrKeepAllRows', true);
    mlock  % `clear all` ends variables, not settings
end
if nargin == 0
    value = settings;
    return
end
name = regexprep(levada.internal.inputs.plainText(name), '\W', '_');
value = [];
if isfield(settings, name)
    value = settings.(name);
elseif nargin == 1
    levada.internal.errors.fail('InvalidRequest', 'There is no setting ''%s''; the settings are %s.', name, ...
        strjoin(fieldnames(settings)', ', '));
end
if nargin > 1
    settings.(name) = new;
end
end
