// Stand-ins: structs for kinds of values without a class in MATLAB. They write back the same kind.
#pragma once

#include <mex.h>

#include <string>

#include "arrays.hpp"

namespace levada {

constexpr char kStandInField[] = "levada_type";

// A scalar struct that begins with `levada_type`.
inline StructBuilder stand_in(const char* kind) {
  StructBuilder fields;
  fields.set(kStandInField, text_array(kind));
  return fields;
}

inline bool is_stand_in(const mxArray* array) {
  return mxIsStruct(array) && mxGetNumberOfElements(array) == 1 && mxGetFieldNumber(array, kStandInField) == 0;
}

}  // namespace levada
