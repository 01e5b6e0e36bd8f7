function names = listSchemas(connection)
%LISTSCHEMAS Return the names of the schemas that the user may see, in order, as a cell column.
%
%   names = levada.listSchemas()
%   names = levada.listSchemas(connection)

if nargin == 0
    connection = levada.conn();
end
names = cell(0, 1);
request = struct();
while true
    page = connection.request('SchemaService/ListSchemas', request);
    if isfield(page, 'schemas')
        names = [names; reshape(cellfun(@(s) s.name, page.schemas, 'UniformOutput', false), [], 1)]; %#ok<AGROW>
    end
    if ~isfield(page, 'next_page_token') || isempty(page.next_page_token)
        return
    end
    request.page_token = page.next_page_token;
end
end
