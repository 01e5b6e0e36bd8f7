classdef Computed < levada.AutoPopulate
%COMPUTED Base class of tables whose rows a `make` computes from other tables.
%
%   In the file +lab/Stat.m:
%       %{
%       -> lab.Session
%       ---
%       mean_rate : float64  # Hz
%       %}
%       classdef Stat < levada.Computed
%           methods
%               function make(self, key)
%                   rate = fetch1(lab.Session & key, 'rate');
%                   key.mean_rate = mean(rate);
%                   insert(self, key)
%               end
%           end
%       end
%
%   Then populate(lab.Stat) calls it for every session that has no row yet.
%
%   See also levada.AutoPopulate, levada.Imported

    methods
        function self = Computed(varargin)
            %COMPUTED Make the relation of the whole table.
            self@levada.AutoPopulate(varargin{:});
        end
    end
end
