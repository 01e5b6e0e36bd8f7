// mxArrays from C++ values and back: text, numbers, structs, cells.
#pragma once

#include <mex.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace levada {

using Shape = std::vector<mwSize>;

// A char row; 0-by-0 if `utf8` is empty. Invalid UTF-8 becomes U+FFFD if mxChar has two bytes.
mxArray* text_array(std::string_view utf8);
// A char array of one row from UTF-8 text; `lengths` gets one length in mxChars per piece.
mxArray* flat_text_array(const std::vector<std::string_view>& pieces, double* lengths);
// UTF-8 of a char row, or of all rows in turn if there are several. `what` names it in the error if it is not text.
std::string text_of(const mxArray* array, const std::string& what);
// UTF-8 of `count` mxChars that lie `stride` apart. Throws WRONG_VALUE if they are not valid Unicode.
std::string text_of(const mxChar* chars, size_t count, size_t stride, const std::string& what);

mxArray* bytes_array(std::string_view bytes);            // uint8 row
std::string bytes_of(const mxArray* array, const std::string& what);  // of uint8, int8 or char, in memory order

mxArray* double_array(double value);
mxArray* logical_array(bool value);
mxArray* int64_array(int64_t value);
mxArray* numeric_array(const Shape& shape, mxClassID id, bool complex = false);
mxArray* cell_row(size_t count);

// The number in a numeric, logical or char scalar. Throws INVALID_REQUEST for anything else.
double double_of(const mxArray* array, const std::string& what);
// Element `index` of a numeric or logical array as an exact whole number. Throws INVALID_REQUEST if it is not one.
int64_t whole_number_at(const mxArray* array, size_t index, const std::string& what);
// Element `index` of a numeric or logical array, rounded to double.
double number_at(const mxArray* array, size_t index);
bool is_number(const mxArray* array);  // numeric or logical, real, full
bool is_object(const mxArray* array);  // of a class that the C API cannot read, such as string or datetime
bool is_unset(const mxArray* array);   // [] as MATLAB writes "nothing": a double array of 0 by 0

Shape shape_of(const mxArray* array);
// A description of an array for messages: `a 2x3 double`.
std::string described(const mxArray* array);

// Collects the fields of a scalar struct, in order.
class StructBuilder {
 public:
  void set(std::string name, mxArray* value) { names_.push_back(std::move(name)), values_.push_back(value); }
  mxArray* build() const;
  // Puts the fields into one element of a struct array that has them all.
  void move_to(mxArray* structs, mwIndex index) const;

 private:
  std::vector<std::string> names_;
  std::vector<mxArray*> values_;
};

}  // namespace levada
