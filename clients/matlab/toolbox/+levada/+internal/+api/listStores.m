function response = listStores(connection, request, varargin)
%LISTSTORES List the stores, by name.
%   RESPONSE = LISTSTORES(CONNECTION, REQUEST, SECONDS) calls ObjectService.ListStores. SECONDS is a deadline, and may
%   be left out.
%
%   Request: ListStoresRequest
%       page_size  double: At most this many; 0: 100, at most 1 000. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListStoresResponse
%       stores  cell of Store: The stores.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/ListStores', request, varargin{:});
end
