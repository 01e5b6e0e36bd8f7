function answer = hasDiscover(table)
%HASDISCOVER Return whether the class of a table looks for new rows: it is Manual or Imported, and has a method discover.

answer = (isa(table, 'levada.Manual') || isa(table, 'levada.Imported')) && ismethod(table, 'discover');
end
