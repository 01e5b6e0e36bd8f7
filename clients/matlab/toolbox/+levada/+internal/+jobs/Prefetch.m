classdef Prefetch < handle
%PREFETCH Fetches the inputs of several jobs of a table at once: it learns with which reads make begins.
%
%   An answer is used only for the equal request, so a wrong guess costs time and never changes a result.

    properties (Access = private)
        Connection
        Patterns = []       % struct array: the reads that make begins with, see patternOf; [] before the first make
        Samples = 0         % how many make it has learned from
        Pause = 0           % how many make to let pass before it learns anew
        NextPause = 16
        MakeSeconds = 0
        ReadSeconds = 0
        Answers             % by lease token: struct with reads (cell), answers (cell), expires and version
        Asked               % the lease tokens for whose reads it has asked
    end

    properties (Constant, Access = private)
        % Limits of the server: reads of a job, reads of a call, and values of a read.
        MostReads = 32
        MostAnswers = 4096
        MostValues = 10000
        KeptSeconds = 1  % how old an answer may be: as old as a batch becomes before it gives back its other jobs
        LeastSamples = 2
        LeastShare = 0.1  % reads that take a smaller part of a make are not worth an answer that may be a moment old
        MostJobs = 64
        LongestPause = 4096
    end

    methods
        function self = Prefetch(connection)
            %PREFETCH Begin to learn.
            self.Connection = connection;
            self.forgetAnswers();
        end

        function found = answers(self, lease, waiting)
            %ANSWERS Return the answers to the first reads of a job that begins, or [].
            %
            %   waiting  cell of the leases of the jobs that begin next, itself and others
            found = [];
            if ~isKey(self.Asked, lease.lease_token)
                self.ask(lease, waiting);
            end
            if isKey(self.Answers, lease.lease_token)
                found = self.Answers(lease.lease_token);
                remove(self.Answers, lease.lease_token);
            end
        end

        function learn(self, lease, work, seconds)
            %LEARN Learn from a make that has ended well.
            %
            %   work     its levada.internal.jobs.JobWork
            %   seconds  how long it took
            if self.Pause > 0
                self.Pause = self.Pause - 1;
                return
            end
            if work.Hits == 0
                self.MakeSeconds = self.MakeSeconds / 2 + seconds;
                self.ReadSeconds = self.ReadSeconds / 2 + work.ReadSeconds;
            end
            reads = work.Reads;
            if work.Hits > 0 && work.Hits == numel(reads) && numel(reads) == numel(self.Patterns)
                return
            end
            self.Samples = self.Samples + 1;
            if isempty(self.Patterns) && (self.Samples > 1 || isempty(reads))
                return  % make begins with no read
            end
            key = self.valuesOf(lease);
            if self.Samples == 1
                reads = reads(1:min(end, self.MostReads));
                found = cellfun(@(read) patternOf(read, key), reads, 'UniformOutput', false);
                self.Patterns = [found{:}];
                return
            end
            for number = 1:numel(self.Patterns)
                pattern = self.Patterns(number);
                fits = number <= numel(reads);
                if fits
                    [fits, pattern] = narrowed(pattern, reads{number}, key);
                end
                pattern.tries = pattern.tries + 1;
                pattern.misses = pattern.misses + ~fits;
                self.Patterns(number) = pattern;
                if ~fits
                    isSeldom = pattern.misses > 1 && 4 * pattern.misses > pattern.tries;
                    if self.Samples <= self.LeastSamples || isSeldom
                        self.keep(number - 1);
                    end
                    return
                end
            end
        end

        function startOver(self)
            %STARTOVER Drop all answers, and learn anew after some more make, each time after more of them.
            self.forgetAnswers();
            self.Patterns = [];
            self.Samples = 0;
            self.Pause = self.NextPause;
            self.NextPause = min(2 * self.NextPause, self.LongestPause);
        end

        function forgetAnswers(self)
            %FORGETANSWERS Drop the answers for jobs that do not begin.
            self.Answers = containers.Map();
            self.Asked = containers.Map();
        end
    end

    methods (Static)
        function answer = isSame(read, other)
            %ISSAME Return whether two reads are equal, with the classes of their values.
            answer = strcmp(read.method, other.method);
            if answer
                [bare, values] = split(read.message);
                [otherBare, otherValues] = split(other.message);
                answer = isequal(bare, otherBare) && numel(values) == numel(otherValues) && ...
                    all(cellfun(@same, values, otherValues));
            end
        end
    end

    methods (Access = private)
        function keep(self, number)
            if number > 0
                self.Patterns = self.Patterns(1:number);
            else
                self.startOver();
            end
        end

        function key = valuesOf(self, lease)
            % The values of the key as a make that restricts by it sends them.
            key = structfun(@(v) {levada.internal.values.conditionValue(v, 'key')}, ...
                levada.internal.jobs.leaseKey(self.Connection, lease), 'UniformOutput', false);
        end

        function ask(self, lease, waiting)
            isWorth = self.Samples >= self.LeastSamples && ~isempty(self.Patterns) && ...
                self.ReadSeconds >= self.LeastShare * self.MakeSeconds;
            if ~isWorth
                return
            end
            own = waiting(cellfun(@(l) isequal(l.table, lease.table) && ~isKey(self.Asked, l.lease_token), waiting));
            if numel(self.Patterns) * numel(own) <= 1
                return  % one read, which its job asks for as quickly
            end
            places = max(arrayfun(@(p) numel(p.places), self.Patterns));
            most = min([self.MostJobs, floor(self.MostAnswers / numel(self.Patterns)), ...
                floor(self.MostValues / max(places, 1))]);
            own = own(1:min(end, most));
            request = struct('lease_tokens', {cellfun(@(l) l.lease_token, own, 'UniformOutput', false)}, 'reads', {{}});
            reads = cell(numel(self.Patterns), numel(own));
            keys = cell(1, numel(own));
            for job = 1:numel(own)
                self.Asked(own{job}.lease_token) = true;
                keys{job} = self.valuesOf(own{job});
            end
            for number = 1:numel(self.Patterns)
                pattern = self.Patterns(number);
                values = {};
                for job = 1:numel(own)
                    filled = arrayfun(@(place) placed(place, keys{job}), pattern.places);
                    values = [values, filled]; %#ok<AGROW>
                    reads{number, job} = struct('method', pattern.method, 'message', withValues(pattern.message, filled));
                end
                request.reads{number} = struct(pattern.method, pattern.message, 'values', {values});
            end
            began = tic();
            version = levada.internal.calls.gateway('catalogVersion', self.Connection.Channel);
            try
                response = levada.internal.api.prefetchReads(self.Connection, request);
            catch failure  % make's own read raises it in its own line, if it is an error there
                if ~strncmp(failure.identifier, 'levada:', 7)
                    rethrow(failure)
                end
                self.startOver();
                return
            end
            given = reshape(response.answers, numel(self.Patterns), numel(own));
            for job = 1:numel(own)
                isAnswered = cellfun(@(a) isfield(a, 'rows') || isfield(a, 'count') || isfield(a, 'existence'), ...
                    given(:, job));
                count = find([~isAnswered; true], 1) - 1;
                if job == 1 && count < numel(self.Patterns)
                    self.keep(count);  % the server never answers the others ahead, or they are large
                end
                if count > 0
                    self.Answers(own{job}.lease_token) = struct('reads', {reads(1:count, job)'}, ...
                        'answers', {given(1:count, job)'}, 'began', began, 'keptSeconds', self.KeptSeconds, ...
                        'version', version);
                end
            end
        end
    end
end

function pattern = patternOf(read, key)
% A read: its method, a message that makes it, that message without the values of its mappings, and for each of these
% values its name, the attributes of the key that were equal to it each time, and the value if it was always the same.
[bare, values, names] = split(read.message);
places = struct('name', {}, 'attributes', {}, 'constant', {}, 'isConstant', {}, 'class', {});
for index = 1:numel(values)
    places(index) = struct('name', names{index}, 'attributes', {equalAttributes(values{index}, key)}, ...
        'constant', {values(index)}, 'isConstant', true, 'class', class(values{index}));
end
pattern = struct('method', read.method, 'message', read.message, 'bare', bare, 'places', {places}, 'tries', 1, ...
    'misses', 0);
end

function [fits, pattern] = narrowed(pattern, read, key)
% Learn from what a make asked for in this place; return whether it is this read.
fits = false;
if ~strcmp(read.method, pattern.method)
    return
end
[bare, values] = split(read.message);
if ~isequal(bare, pattern.bare)
    return
end
places = pattern.places;
for index = 1:numel(values)
    place = places(index);
    place.attributes = intersect(place.attributes, equalAttributes(values{index}, key));
    place.isConstant = place.isConstant && same(place.constant{1}, values{index});
    if ~strcmp(class(values{index}), place.class) || (isempty(place.attributes) && ~place.isConstant)
        return
    end
    places(index) = place;
end
pattern.places = places;
pattern.message = read.message;
fits = true;
end

function value = placed(place, key)
% The value for another key, in a cell.
if any(strcmp(place.attributes, place.name))
    value = key.(place.name);
elseif place.isConstant
    value = place.constant;
else
    value = key.(place.attributes{1});
end
end

function names = equalAttributes(value, key)
names = reshape(fieldnames(key), 1, []);
names = names(cellfun(@(name) same(key.(name){1}, value), names));
end

function answer = same(a, b)
answer = strcmp(class(a), class(b)) && isequal(a, b);
end

function [message, values, names] = split(message)
% Take the values out of the mappings of a message.
values = {};
names = {};
for index = 1:numel(message.relation.conditions)
    if isfield(message.relation.conditions{index}, 'mapping')
        for entry = 1:numel(message.relation.conditions{index}.mapping.entries)
            values{end + 1} = message.relation.conditions{index}.mapping.entries{entry}.value; %#ok<AGROW>
            names{end + 1} = message.relation.conditions{index}.mapping.entries{entry}.name; %#ok<AGROW>
            message.relation.conditions{index}.mapping.entries{entry}.value = [];
        end
    end
end
end

function message = withValues(message, values)
next = 1;
for index = 1:numel(message.relation.conditions)
    if isfield(message.relation.conditions{index}, 'mapping')
        for entry = 1:numel(message.relation.conditions{index}.mapping.entries)
            message.relation.conditions{index}.mapping.entries{entry}.value = values{next};
            next = next + 1;
        end
    end
end
end
