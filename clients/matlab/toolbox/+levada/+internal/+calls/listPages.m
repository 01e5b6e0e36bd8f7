function items = listPages(connection, list, field, request)
%LISTPAGES Return all items of a list that comes in pages.
%   ITEMS = LISTPAGES(CONNECTION, @levada.internal.api.listTables, 'tables', REQUEST) is a cell row of what the field of
%   each page has, in order.

items = {};
while true
    page = list(connection, request);
    if isfield(page, field)
        items = [items, page.(field)]; %#ok<AGROW>
    end
    if ~isfield(page, 'next_page_token') || isempty(page.next_page_token)
        return
    end
    request.page_token = page.next_page_token;
end
end
