function value = fetchedObject(reference, column, exact)
%FETCHEDOBJECT Return what fetch returns for a reference to an object: the value of a <blob@>, else the object.
%
%   value = fetchedObject(reference, column, exact)
%
%   reference  a struct with the fields of ObjectReference, or the bytes of an <attach>
%   column     with type, and the connection that reads the store

value = levada.StoredObject(column.connection, column.type, reference);
if strncmp(column.type, '<blob', 5)
    value = levada.internal.values.decodeValue(value.bytes('', value.size_bytes, value.hash), exact);
    if ~exact
        value = levada.internal.values.withoutStandIns(value);
    end
end
end
