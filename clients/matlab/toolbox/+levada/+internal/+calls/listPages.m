function items = listPages(connection, method, field, request)
%LISTPAGES Return all items of a list that comes in pages.
%   ITEMS = LISTPAGES(CONNECTION, 'SchemaService/ListTables', 'tables', REQUEST) is a cell row of what the field of each
%   page has, in order.

items = {};
while true
    page = connection.request(method, request);
    if isfield(page, field)
        items = [items, page.(field)]; %#ok<AGROW>
    end
    if ~isfield(page, 'next_page_token') || isempty(page.next_page_token)
        return
    end
    request.page_token = page.next_page_token;
end
end
