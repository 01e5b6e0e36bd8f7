#include "arrays.hpp"

#include <cmath>
#include <cstring>
#include <optional>

#include "error.hpp"
#include "unicode.hpp"

namespace levada {
namespace {

mxArray* char_row(size_t count) {
  const mwSize dims[] = {count == 0 ? mwSize{0} : mwSize{1}, count};
  return mxCreateCharArray(2, dims);
}

template <typename T>
int64_t whole(T value, const std::string& what) {
  if (!(value >= T(-9223372036854775808.0) && value < T(9223372036854775808.0)) || value != std::floor(value)) {
    throw invalid_request(what + " is a whole number of 64 bits, not " + std::to_string(value) + ".");
  }
  return static_cast<int64_t>(value);
}

template <typename T>
T at(const mxArray* array, size_t index) {
  return static_cast<const T*>(mxGetData(array))[index];
}

}  // namespace

mxArray* text_array(std::string_view utf8) {
  mxArray* array = char_row(unit_count<mxChar>(utf8));
  put_units(utf8, static_cast<mxChar*>(mxGetData(array)));
  return array;
}

mxArray* flat_text_array(const std::vector<std::string_view>& pieces, double* lengths) {
  size_t total = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const size_t count = unit_count<mxChar>(pieces[i]);
    lengths[i] = static_cast<double>(count);
    total += count;
  }
  mxArray* array = char_row(total);
  auto* out = static_cast<mxChar*>(mxGetData(array));
  for (std::string_view piece : pieces) out = put_units(piece, out);
  return array;
}

std::string text_of(const mxChar* chars, size_t count, size_t stride, const std::string& what) {
  std::optional<std::string> text = utf8_of(chars, count, stride);
  if (!text) throw wrong_value(what + ": the text is not valid Unicode.");
  return *std::move(text);
}

std::string text_of(const mxArray* array, const std::string& what) {
  if (array == nullptr || !mxIsChar(array)) throw invalid_request(what + " is text, not " + described(array) + ".");
  const auto* chars = static_cast<const mxChar*>(mxGetData(array));
  const size_t count = mxGetNumberOfElements(array);
  if (count != 0 && mxGetM(array) != 1) throw invalid_request(what + " is one row of text, not " + described(array) + ".");
  return text_of(chars, count, 1, what);
}

mxArray* bytes_array(std::string_view bytes) {
  mxArray* array = numeric_array({1, bytes.size()}, mxUINT8_CLASS);
  if (!bytes.empty()) std::memcpy(mxGetData(array), bytes.data(), bytes.size());
  return array;
}

std::string bytes_of(const mxArray* array, const std::string& what) {
  if (array != nullptr && (mxIsUint8(array) || mxIsInt8(array))) {
    return std::string(static_cast<const char*>(mxGetData(array)), mxGetNumberOfElements(array));
  }
  if (array != nullptr && mxIsChar(array)) return text_of(array, what);
  if (array != nullptr && is_unset(array)) return {};
  throw invalid_request(what + " is bytes (uint8), not " + described(array) + ".");
}

mxArray* double_array(double value) { return mxCreateDoubleScalar(value); }

mxArray* logical_array(bool value) { return mxCreateLogicalScalar(value); }

mxArray* int64_array(int64_t value) {
  mxArray* array = numeric_array({1, 1}, mxINT64_CLASS);
  *static_cast<int64_t*>(mxGetData(array)) = value;
  return array;
}

mxArray* numeric_array(const Shape& shape, mxClassID id, bool complex) {
  if (id == mxLOGICAL_CLASS) return mxCreateLogicalArray(static_cast<mwSize>(shape.size()), shape.data());
  return mxCreateNumericArray(static_cast<mwSize>(shape.size()), shape.data(), id, complex ? mxCOMPLEX : mxREAL);
}

mxArray* cell_row(size_t count) { return mxCreateCellMatrix(1, count); }

bool is_number(const mxArray* array) {
  return (mxIsNumeric(array) || mxIsLogical(array)) && !mxIsComplex(array) && !mxIsSparse(array);
}

bool is_object(const mxArray* array) {
  return !mxIsNumeric(array) && !mxIsLogical(array) && !mxIsChar(array) && !mxIsCell(array) && !mxIsStruct(array);
}

bool is_unset(const mxArray* array) {
  return mxIsDouble(array) && mxGetNumberOfDimensions(array) == 2 && mxGetM(array) == 0 && mxGetN(array) == 0;
}

double number_at(const mxArray* array, size_t index) {
  switch (mxGetClassID(array)) {
    case mxDOUBLE_CLASS: return at<double>(array, index);
    case mxSINGLE_CLASS: return at<float>(array, index);
    case mxINT8_CLASS: return at<int8_t>(array, index);
    case mxUINT8_CLASS: return at<uint8_t>(array, index);
    case mxINT16_CLASS: return at<int16_t>(array, index);
    case mxUINT16_CLASS: return at<uint16_t>(array, index);
    case mxINT32_CLASS: return at<int32_t>(array, index);
    case mxUINT32_CLASS: return at<uint32_t>(array, index);
    case mxINT64_CLASS: return static_cast<double>(at<int64_t>(array, index));
    case mxUINT64_CLASS: return static_cast<double>(at<uint64_t>(array, index));
    case mxLOGICAL_CLASS: return at<mxLogical>(array, index) ? 1 : 0;
    default: throw invalid_request("A number is expected, not " + described(array) + ".");
  }
}

int64_t whole_number_at(const mxArray* array, size_t index, const std::string& what) {
  switch (mxGetClassID(array)) {
    case mxDOUBLE_CLASS: return whole(at<double>(array, index), what);
    case mxSINGLE_CLASS: return whole(at<float>(array, index), what);
    case mxINT64_CLASS: return at<int64_t>(array, index);
    case mxUINT64_CLASS: {
      const uint64_t value = at<uint64_t>(array, index);
      if (value > INT64_MAX) throw invalid_request(what + " is past the range of int64.");
      return static_cast<int64_t>(value);
    }
    default: return static_cast<int64_t>(number_at(array, index));
  }
}

double double_of(const mxArray* array, const std::string& what) {
  if (array == nullptr || !is_number(array) || mxGetNumberOfElements(array) != 1) {
    throw invalid_request(what + " is one number, not " + described(array) + ".");
  }
  return number_at(array, 0);
}

Shape shape_of(const mxArray* array) {
  const mwSize* dims = mxGetDimensions(array);
  return Shape(dims, dims + mxGetNumberOfDimensions(array));
}

std::string described(const mxArray* array) {
  if (array == nullptr) return "nothing";
  std::string text = "a ";
  const char* separator = "";
  for (mwSize length : shape_of(array)) {
    text += separator + std::to_string(length);
    separator = "x";
  }
  if (mxIsSparse(array)) text += " sparse";
  return text + " " + mxGetClassName(array);
}

mxArray* StructBuilder::build() const {
  std::vector<const char*> names;
  for (const std::string& name : names_) names.push_back(name.c_str());
  mxArray* array = mxCreateStructMatrix(1, 1, static_cast<int>(names.size()), names.data());
  for (size_t i = 0; i < values_.size(); ++i) mxSetFieldByNumber(array, 0, static_cast<int>(i), values_[i]);
  return array;
}

void StructBuilder::move_to(mxArray* structs, mwIndex index) const {
  for (size_t i = 0; i < values_.size(); ++i) mxSetField(structs, index, names_[i].c_str(), values_[i]);
}

}  // namespace levada
