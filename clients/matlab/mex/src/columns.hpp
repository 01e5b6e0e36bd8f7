// Columns of rows: an Arrow IPC stream as flat arrays, and back.
#pragma once

#include <mex.h>

#include "values.hpp"

namespace levada {

// `pieces` is a cell of uint8, the stream in order. Returns a struct:
//   row_count    double
//   primary_key  cell row of names
//   columns      struct array: name; type, as a definition spells it; kind; values; nulls, a logical column of the
//                missing values, [] if none is missing; and by kind
//     numeric      values: a column; NaN for a missing one, if the class has NaN
//     logical      values: a column
//     text, uuid, decimal, binary
//                  values: one flat char (binary: uint8) row; lengths: a column of double
//     date         values: int64 column of days from 1970-01-01
//     time, timestamp, timestamptz, duration
//                  values: int64 column of microseconds, from midnight or from 1970-01-01
//     dictionary   values: codes from 1, 0 for a missing one; dictionary: cell column of texts
//     tensor       values: one array, the row as its last index
//     list         values: one flat int64 row; lengths: a column of double
//     struct       columns: as above
mxArray* columns_of(const mxArray* pieces, Exactness exactness);

// The pieces of an Arrow stream, each of at most 1 MB, as a cell row of uint8. `columns` is a struct array: name; kind;
// values; nulls as above; and by kind
//   double, int64, logical  values: a column of that class
//   text, binary            values: a cell column of char or uint8
//   tensor                  values: one array, the row as its last index; type: `<array float32 (3, 4)>`
mxArray* pieces_of(const mxArray* columns);

}  // namespace levada
