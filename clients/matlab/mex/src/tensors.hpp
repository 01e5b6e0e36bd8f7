// Arrays of numbers as bytes: their types, and the order of their elements.
#pragma once

#include <mex.h>

#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"

namespace levada {

// The layout of a dtype's elements in bytes, and the class that holds them.
struct ElementType {
  mxClassID stored;   // the class that keeps every value
  mxClassID rounded;  // the class of an attribute by default: double, unless that would round
  size_t bytes;       // of one element, both parts of a complex one
  bool complex;
  bool half;          // float16, which MATLAB does not have: stored as single
};

// The layout of `bool`, `int8` … `uint64`, `float16` … `float64`, `complex64`, `complex128`; nothing for other names.
std::optional<ElementType> element_type(const std::string& dtype);
// The dtype of a numeric or logical array; empty for one that has none (complex integers).
std::string dtype_of(const mxArray* array);

// Product of the lengths; nothing if it passes 2^48, which no array has.
std::optional<size_t> element_count(const std::vector<int64_t>& shape);
// The lengths of MATLAB's dimensions: at least two, a column for one.
Shape matlab_shape(const std::vector<int64_t>& shape);

// Copies elements into an array's real (or, from half an element on, imaginary) part of class `target`.
void copy_elements(const char* from, void* to, size_t count, const ElementType& type, mxClassID target);
// An array of class `target` from the little-endian elements, of which there are as many as `shape` needs, in C order
// unless `column_major`.
mxArray* array_of_elements(const char* elements, const std::vector<int64_t>& shape, const ElementType& type,
                           bool column_major, mxClassID target);
// The elements of a full numeric or logical array, in MATLAB's order.
std::string elements_of(const mxArray* array);

// Copies elements from C order to MATLAB's, or back.
void reorder(const char* from, char* to, const std::vector<int64_t>& shape, size_t element_bytes, bool to_column_major);

}  // namespace levada
