function response = prefetchReads(connection, request, varargin)
%PREFETCHREADS Answer reads that jobs are about to make, each as if its job had asked for it alone.
%   A worker asks for the reads of many jobs at once, after it has seen by which values those of earlier jobs differ.
%   RESPONSE = PREFETCHREADS(CONNECTION, REQUEST, SECONDS) calls QueryService.PrefetchReads. SECONDS is a deadline, and
%   may be left out.
%
%   Request: PrefetchReadsRequest
%       lease_tokens  cell of char: The lease tokens of the jobs, at least one, all of one table.
%       reads  cell of PatternedRead: The reads of each job, at most 32, and at most 4 096 of all jobs.
%
%   Response: PrefetchReadsResponse
%       answers  cell of PrefetchedRead: The answers: those of the first job, in the order of the reads, then those of
%           the next.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('QueryService/PrefetchReads', request, varargin{:});
end
