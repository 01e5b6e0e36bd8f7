#include "arrays.hpp"

#include <cmath>
#include <cstring>

#include "error.hpp"

namespace levada {
namespace {

constexpr bool kWide = sizeof(mxChar) == 2;  // MATLAB: UTF-16. Octave: one byte of UTF-8.

// Reads one code point of UTF-8 and moves `at` past it; -1 for bytes that are none, of which one is passed.
int32_t next_code_point(std::string_view bytes, size_t& at) {
  const auto first = static_cast<unsigned char>(bytes[at++]);
  if (first < 0x80) return first;
  const int more = first >= 0xC2 && first < 0xE0 ? 1 : first >= 0xE0 && first < 0xF0 ? 2 : first >= 0xF0 && first < 0xF5 ? 3 : 0;
  if (more == 0 || at + more > bytes.size()) return -1;
  int32_t point = first & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[at + i]);
    if ((byte & 0xC0) != 0x80) return -1;
    point = point << 6 | (byte & 0x3F);
  }
  const int32_t least[] = {0, 0x80, 0x800, 0x10000};
  if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return -1;
  at += more;
  return point;
}

void append_utf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

size_t units(std::string_view utf8) {
  if (!kWide) return utf8.size();
  size_t count = 0;
  for (size_t at = 0; at < utf8.size();) count += next_code_point(utf8, at) >= 0x10000 ? 2 : 1;
  return count;
}

// Writes the units of a text and gives their end.
mxChar* put_units(std::string_view utf8, mxChar* out) {
  if (!kWide) {
    if (!utf8.empty()) std::memcpy(out, utf8.data(), utf8.size());
    return out + utf8.size();
  }
  for (size_t at = 0; at < utf8.size();) {
    int32_t point = next_code_point(utf8, at);
    if (point < 0) point = 0xFFFD;
    if (point >= 0x10000) {
      *out++ = static_cast<mxChar>(0xD800 + ((point - 0x10000) >> 10));
      *out++ = static_cast<mxChar>(0xDC00 + ((point - 0x10000) & 0x3FF));
    } else {
      *out++ = static_cast<mxChar>(point);
    }
  }
  return out;
}

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
  mxArray* array = char_row(units(utf8));
  put_units(utf8, static_cast<mxChar*>(mxGetData(array)));
  return array;
}

mxArray* flat_text_array(const std::vector<std::string_view>& pieces, double* lengths) {
  size_t total = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const size_t count = units(pieces[i]);
    lengths[i] = static_cast<double>(count);
    total += count;
  }
  mxArray* array = char_row(total);
  auto* out = static_cast<mxChar*>(mxGetData(array));
  for (std::string_view piece : pieces) out = put_units(piece, out);
  return array;
}

bool valid_utf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    if (next_code_point(bytes, at) < 0) return false;
  }
  return true;
}

std::string text_of(const mxChar* chars, size_t count, size_t stride, const std::string& what) {
  std::string text;
  text.reserve(count);
  if (!kWide) {
    for (size_t i = 0; i < count; ++i) text += static_cast<char>(chars[i * stride]);
    if (!valid_utf8(text)) throw wrong_value(what + ": a char array whose bytes are no valid UTF-8.");
    return text;
  }
  for (size_t i = 0; i < count; ++i) {
    uint32_t point = static_cast<uint16_t>(chars[i * stride]);
    if (point >= 0xD800 && point < 0xE000) {
      const uint32_t low = i + 1 < count ? static_cast<uint16_t>(chars[(i + 1) * stride]) : 0;
      if (point >= 0xDC00 || low < 0xDC00 || low >= 0xE000) {
        throw wrong_value(what + ": text with a lone surrogate, which is no valid Unicode.");
      }
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
      ++i;
    }
    append_utf8(text, point);
  }
  return text;
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
  // MATLAB's declaration lacks a const.
  mxArray* array = mxCreateStructMatrix(1, 1, static_cast<int>(names_.size()), const_cast<const char**>(names_.data()));
  for (size_t i = 0; i < values_.size(); ++i) mxSetFieldByNumber(array, 0, static_cast<int>(i), values_[i]);
  return array;
}

void StructBuilder::move_to(mxArray* structs, mwIndex index) const {
  for (size_t i = 0; i < values_.size(); ++i) mxSetField(structs, index, names_[i], values_[i]);
}

}  // namespace levada
