function connection = conn(varargin)
%CONN Return the connection that schemas use; connect first if there is none.
%
%   connection = levada.conn()
%   connection = levada.conn(url, token)   connects anew, as levada.connect does
%
%   See also levada.connect

connection = levada.internal.calls.defaultConnection();
if nargin > 0 || isempty(connection)
    connection = levada.connect(varargin{:});
end
end
