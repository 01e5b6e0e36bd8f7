// Values that any language can read: mxArrays to messages `Value`, and back; docs/reference/values.md has the table.
#pragma once

#include <mex.h>

#include <string>
#include <string_view>

#include "levada_api/v1/value.pb.h"

namespace levada {

// What is read.
enum class Exactness {
  kDouble,  // attributes as double, but int64 and uint64, which double would round; of values, whole numbers as double
  kStored,  // in the class that was stored; kinds that MATLAB does not have as stand-ins, which write back the same kind
};

// Throws WRONG_VALUE for a damaged value.
mxArray* array_of(const levada_api::v1::Value& value, Exactness exactness);
// `path` names the value in errors. Throws WRONG_VALUE with the path to the part that cannot be stored.
levada_api::v1::Value value_of(const mxArray* array, const std::string& path);

// The same, from and to the bytes of a `<blob>`.
mxArray* array_of_blob(std::string_view blob, Exactness exactness);
std::string blob_of(const mxArray* array, const std::string& path);

}  // namespace levada
