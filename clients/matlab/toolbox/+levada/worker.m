function worker(tables, varargin)
%WORKER Compute jobs of some tables and look for their new rows, beside other workers in MATLAB and Python, until stopped.
%
%   levada.worker(lab.Stat)
%   levada.worker({lab.Stat, lab.Other})
%   levada.worker('lab')                      all tables of the package +lab that have a make or a discover
%   levada.worker(..., 'Drain', true)         ends when everything is computed
%   levada.worker(..., 'MaxJobs', 100, 'Patience', 60, 'Display', true)
%
%   Errors of a make are kept with their jobs, and the worker goes on. Ctrl-C stops it, and its jobs go to others. While
%   the server is out of reach, it waits. A thread of the gateway renews the leases, so a long make loses nothing.
%
%   The discover of a Manual or Imported class is called whenever it is due; see levada.Manual. One worker at a time
%   looks for the rows of a table.
%
%   A table that the server refuses, as when it was dropped or the right to it is gone, is left out; the worker ends when
%   none is left.
%
%   Patience  how many seconds to keep trying to complete a job while the server is out of reach
%
%   See also levada.AutoPopulate/populate

named = levada.internal.inputs.readOptions(struct('Drain', false, 'MaxJobs', Inf, 'Patience', 60, 'Display', true), ...
    varargin);
crew = levada.internal.jobs.Refresher(tablesToServe(tables));
session = levada.internal.jobs.WorkerSession(crew.connection());
ending = session.closing();
waitSeconds = 5;
limits = struct('patience', named.Patience, 'maxJobs', named.MaxJobs, 'waitSeconds', waitSeconds, 'makeInputs', {{}}, ...
    'prefetch', true);
computed = 0;
levada.internal.calls.repeatCall(@serve, Inf, @mayGoOn);

    function serve()
        while ~crew.hasJobs()
            [request, ~] = reserve();
            if isempty(request)
                return
            end
            pause(1);
        end
        if computed < named.MaxJobs
            limits.maxJobs = named.MaxJobs - computed;
            levada.internal.jobs.runJobs(session, crew.byName(), @reserve, limits, @report);
        end
    end

    function [request, isLast] = reserve()
        crew.lookForRows(session, @reportRows);
        [request, isLast] = crew.reservation(named.Drain);
    end

    function reportRows(name, outcome)
        message = '';
        if ~isempty(outcome.error)
            message = strtok(outcome.error.message, char(10));
        end
        rows = 'rows';
        if outcome.rowCount == 1
            rows = 'row';
        end
        say(named.Display, '%-7s %s discover: %d new %s %.3f s  %s', outcome.state, name, outcome.rowCount, rows, ...
            outcome.seconds, message);
    end

    function answer = mayGoOn(failure)
        answer = true;
        if levada.internal.errors.isTransient(failure)
            say(named.Display, 'the server is out of reach; trying again: %s', failure.message);
        elseif crew.leaveOut(failure)
            say(named.Display, 'going on without a table: %s', failure.message);
        else
            answer = false;
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
            levada.internal.values.shownJson(outcome.key), outcome.seconds, message);
    end
end

function say(display, template, varargin)
if display
    levada.internal.inputs.showNow('levada worker: %s\n', strtrim(sprintf(template, varargin{:})));
end
end

function found = tablesToServe(tables)
tables = levada.internal.inputs.plainText(tables);
if ischar(tables)
    schema = levada.internal.schema.schemaOf([tables '.Table']);
    names = schema.classNames();
    names = names(~cellfun(@(n) isempty(which(n)), names));
    found = cellfun(@feval, names, 'UniformOutput', false);
    found = found(cellfun(@hasWork, found));
elseif iscell(tables)
    found = reshape(tables, 1, []);
else
    found = {tables};
end
cellfun(@checkMake, found(cellfun(@(t) isa(t, 'levada.AutoPopulate') && ~levada.internal.jobs.hasDiscover(t), found)));
if isempty(found) || ~all(cellfun(@hasWork, found))
    levada.internal.errors.fail('InvalidRequest', ...
        'A worker serves tables with a make (levada.Computed, levada.Imported) or a discover (levada.Manual, levada.Imported).');
end
end

function answer = hasWork(table)
answer = isa(table, 'levada.AutoPopulate') && hasMake(table) || levada.internal.jobs.hasDiscover(table);
end
