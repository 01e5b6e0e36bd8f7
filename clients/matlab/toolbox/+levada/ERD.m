function diagram = ERD(varargin)
%ERD Return the diagram of some tables: the name of levada.Diagram in older code.
%
%   diagram = levada.ERD(source)
%
%   See also levada.Diagram

diagram = levada.Diagram(varargin{:});
end
