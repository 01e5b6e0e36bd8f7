function diagram = ERD(varargin)
% ERD  Give the diagram of some tables; older code calls levada.Diagram like this.
%
%   See also levada.Diagram

diagram = levada.Diagram(varargin{:});
end
