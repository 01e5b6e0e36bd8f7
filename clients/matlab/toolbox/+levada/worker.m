function worker(tables, varargin)
%WORKER Compute jobs of some tables as they come, beside other workers in MATLAB and Python, until it is stopped.
%
%   levada.worker(lab.Stat)
%   levada.worker({lab.Stat, lab.Other})
%   levada.worker('lab')                      all tables of the package +lab that have a make
%   levada.worker(..., 'Drain', true)         ends when everything is computed
%   levada.worker(..., 'MaxJobs', 100, 'Patience', 60, 'Display', true)
%
%   Errors of a make are kept with their jobs, and the worker goes on. Ctrl-C stops it, and its jobs go to others. While
%   the server is out of reach, it waits. A thread of the gateway renews the leases, so a long make loses nothing.
%
%   Patience  how many seconds to keep trying to complete a job while the server is out of reach
%
%   See also levada.AutoPopulate/populate

named = levada.internal.inputs.readOptions(struct('Drain', false, 'MaxJobs', Inf, 'Patience', 60, 'Display', true), ...
    varargin);
crew = levada.internal.jobs.Refresher(tablesToServe(tables));
session = levada.internal.jobs.WorkerSession(crew.connection());
ending = onCleanup(@() session.close());
waitSeconds = 5;
limits = struct('patience', named.Patience, 'maxJobs', named.MaxJobs, 'waitSeconds', waitSeconds, 'makeInputs', {{}}, ...
    'prefetch', true);
computed = 0;
levada.internal.calls.repeatCall(@serve, Inf, @mayGoOn);

    function serve()
        if computed < named.MaxJobs
            limits.maxJobs = named.MaxJobs - computed;
            levada.internal.jobs.runJobs(session, crew.byName(), @() crew.reservation(named.Drain), limits, @report);
        end
    end

    function answer = mayGoOn(failure)
        answer = levada.internal.errors.isTransient(failure);
        if answer
            say(named.Display, 'the server is out of reach; trying again: %s', failure.message);
        end
    end

    function goOn = report(outcome)
        computed = computed + 1;
        goOn = true;
        crew.finished(outcome);
        message = '';
        if strcmp(outcome.state, 'error')
            message = strtok(outcome.error.message, char(10));
        end
        say(named.Display, '%-7s %s %s %.3f s  %s', outcome.state, levada.internal.schema.fullName(outcome.table), ...
            jsonencode(outcome.key), outcome.seconds, message);
    end
end

function say(display, template, varargin)
if display
    fprintf('levada worker: %s\n', strtrim(sprintf(template, varargin{:})));
end
end

function found = tablesToServe(tables)
tables = levada.internal.inputs.plainText(tables);
if ischar(tables)
    schema = levada.internal.schema.schemaOf([tables '.Table']);
    names = schema.classNames();
    names = names(~cellfun(@(n) isempty(which(n)), names));
    found = cellfun(@feval, names, 'UniformOutput', false);
    found = found(cellfun(@(t) isa(t, 'levada.AutoPopulate') && hasMake(t), found));
elseif iscell(tables)
    found = tables;
else
    found = {tables};
end
cellfun(@checkMake, found(cellfun(@(t) isa(t, 'levada.AutoPopulate'), found)));
if isempty(found) || ~all(cellfun(@(t) isa(t, 'levada.AutoPopulate') && hasMake(t), found))
    levada.internal.errors.fail('InvalidRequest', ...
        'A worker serves tables with a make: levada.Computed and levada.Imported.');
end
end
