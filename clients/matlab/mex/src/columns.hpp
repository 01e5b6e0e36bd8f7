// Columns of rows: an Arrow IPC stream as flat arrays, and back.
#pragma once

#include <mex.h>

#include <string>
#include <utility>

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
//   tensor                  values: a cell column of arrays, each of its own class; type: `<array float32 (3, 4)>`
mxArray* pieces_of(const mxArray* columns);

// The values of an attribute, a cell with one per row, as a column that `pieces_of` takes.
//   attribute    a struct with name, type, and nullable if it may be NULL
//   kind         of its type: only `blob`, `bytes`, `array`, floats and texts are unlike the rest
//   place        the name of the table in errors, which then name the row too; empty for one value by itself
//   exact        NaN stays NaN in every floating attribute
//   may_convert  the caller converts objects of classes such as string and datetime, and calls again
// Returns the column, or [] and a logical column that marks such objects. Throws WRONG_VALUE for a value that does not
// fit. The server checks the exact type and range; this only decides how values of MATLAB are sent.
std::pair<mxArray*, mxArray*> gathered_column(const mxArray* values, const mxArray* attribute, const std::string& kind,
                                              const std::string& place, bool exact, bool may_convert);

// The bytes of one array as an attribute of the type `<array …>` stores it: uint8. `where` names it in errors.
mxArray* stored_array(const mxArray* value, const std::string& type, const std::string& where);

}  // namespace levada
