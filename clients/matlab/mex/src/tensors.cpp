#include "tensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "error.hpp"

namespace levada {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 48;
constexpr int64_t kTile = 32;  // rows and columns that are copied together, to use each line of the cache whole

float half_to_float(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const float fraction = static_cast<float>(bits & 0x3FF);
  float value;
  if (exponent == 0x1F) {
    value = fraction != 0 ? NAN : INFINITY;
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(1024.0F + fraction, exponent - 25);
  }
  return bits & 0x8000 ? -value : value;
}

template <typename From, typename To>
void convert(const char* from, To* to, size_t count, size_t stride) {
  for (size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * stride, sizeof value);
    to[i] = static_cast<To>(value);
  }
}

// Elements of the stored class as doubles.
void to_double(const char* from, double* to, size_t count, mxClassID stored, size_t stride) {
  switch (stored) {
    case mxINT8_CLASS: return convert<int8_t>(from, to, count, stride);
    case mxUINT8_CLASS: return convert<uint8_t>(from, to, count, stride);
    case mxINT16_CLASS: return convert<int16_t>(from, to, count, stride);
    case mxUINT16_CLASS: return convert<uint16_t>(from, to, count, stride);
    case mxINT32_CLASS: return convert<int32_t>(from, to, count, stride);
    case mxUINT32_CLASS: return convert<uint32_t>(from, to, count, stride);
    case mxSINGLE_CLASS: return convert<float>(from, to, count, stride);
    default: return convert<double>(from, to, count, stride);
  }
}

template <size_t kBytes>
void copy_tile(const char* from, char* to, int64_t rows, int64_t columns, int64_t row_step, int64_t column_step) {
  // `from` steps by elements within the tile's rows and columns; `to` is the transposed arrangement.
  for (int64_t column = 0; column < columns; ++column) {
    for (int64_t row = 0; row < rows; ++row) {
      std::memcpy(to + (row + column * column_step) * static_cast<int64_t>(kBytes),
                  from + (row * row_step + column) * static_cast<int64_t>(kBytes), kBytes);
    }
  }
}

void copy_any_tile(const char* from, char* to, int64_t rows, int64_t columns, int64_t row_step, int64_t column_step,
                   size_t bytes) {
  switch (bytes) {
    case 1: return copy_tile<1>(from, to, rows, columns, row_step, column_step);
    case 2: return copy_tile<2>(from, to, rows, columns, row_step, column_step);
    case 4: return copy_tile<4>(from, to, rows, columns, row_step, column_step);
    case 8: return copy_tile<8>(from, to, rows, columns, row_step, column_step);
    default: return copy_tile<16>(from, to, rows, columns, row_step, column_step);
  }
}

}  // namespace

std::optional<ElementType> element_type(const std::string& dtype) {
  static const std::unordered_map<std::string, ElementType> types = {
      {"bool", {mxLOGICAL_CLASS, mxLOGICAL_CLASS, 1, false, false}},
      {"int8", {mxINT8_CLASS, mxDOUBLE_CLASS, 1, false, false}},
      {"uint8", {mxUINT8_CLASS, mxDOUBLE_CLASS, 1, false, false}},
      {"int16", {mxINT16_CLASS, mxDOUBLE_CLASS, 2, false, false}},
      {"uint16", {mxUINT16_CLASS, mxDOUBLE_CLASS, 2, false, false}},
      {"int32", {mxINT32_CLASS, mxDOUBLE_CLASS, 4, false, false}},
      {"uint32", {mxUINT32_CLASS, mxDOUBLE_CLASS, 4, false, false}},
      {"int64", {mxINT64_CLASS, mxINT64_CLASS, 8, false, false}},
      {"uint64", {mxUINT64_CLASS, mxUINT64_CLASS, 8, false, false}},
      {"float16", {mxSINGLE_CLASS, mxDOUBLE_CLASS, 2, false, true}},
      {"float32", {mxSINGLE_CLASS, mxDOUBLE_CLASS, 4, false, false}},
      {"float64", {mxDOUBLE_CLASS, mxDOUBLE_CLASS, 8, false, false}},
      {"complex64", {mxSINGLE_CLASS, mxDOUBLE_CLASS, 8, true, false}},
      {"complex128", {mxDOUBLE_CLASS, mxDOUBLE_CLASS, 16, true, false}},
  };
  const auto found = types.find(dtype);
  return found == types.end() ? std::nullopt : std::optional<ElementType>(found->second);
}

std::string dtype_of(const mxArray* array) {
  const bool complex = mxIsComplex(array);
  switch (mxGetClassID(array)) {
    case mxDOUBLE_CLASS: return complex ? "complex128" : "float64";
    case mxSINGLE_CLASS: return complex ? "complex64" : "float32";
    case mxLOGICAL_CLASS: return "bool";
    case mxINT8_CLASS: return complex ? "" : "int8";
    case mxUINT8_CLASS: return complex ? "" : "uint8";
    case mxINT16_CLASS: return complex ? "" : "int16";
    case mxUINT16_CLASS: return complex ? "" : "uint16";
    case mxINT32_CLASS: return complex ? "" : "int32";
    case mxUINT32_CLASS: return complex ? "" : "uint32";
    case mxINT64_CLASS: return complex ? "" : "int64";
    case mxUINT64_CLASS: return complex ? "" : "uint64";
    default: return "";
  }
}

std::optional<size_t> element_count(const std::vector<int64_t>& shape) {
  if (std::any_of(shape.begin(), shape.end(), [](int64_t length) { return length < 0 || length > kMostElements; })) {
    return std::nullopt;
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t count = 1;
  for (int64_t length : shape) {
    if (count > kMostElements / length) return std::nullopt;
    count *= length;
  }
  return static_cast<size_t>(count);
}

Shape matlab_shape(const std::vector<int64_t>& shape) {
  Shape dims(shape.begin(), shape.end());
  while (dims.size() < 2) dims.push_back(1);
  return dims;
}

void reorder(const char* from, char* to, const std::vector<int64_t>& shape, size_t element_bytes, bool to_column_major) {
  // One order is the other with the dimensions reversed, so both directions are the same loop.
  std::vector<int64_t> lengths(shape);
  if (!to_column_major) std::reverse(lengths.begin(), lengths.end());
  const size_t n = lengths.size();
  const size_t count = element_count(lengths).value_or(0);
  if (count == 0) return;
  if (std::count_if(lengths.begin(), lengths.end(), [](int64_t length) { return length != 1; }) <= 1) {
    std::memcpy(to, from, count * element_bytes);
    return;
  }
  // The last index is the fastest in the source, the first in the target. Tiles run over these two, a counter over the
  // rest.
  const int64_t rows = lengths.front(), columns = lengths.back();
  std::vector<int64_t> from_step(n, 1), to_step(n, 1), index(n, 0);
  for (size_t i = n - 1; i-- > 0;) from_step[i] = from_step[i + 1] * lengths[i + 1];
  for (size_t i = 1; i < n; ++i) to_step[i] = to_step[i - 1] * lengths[i - 1];
  int64_t from_base = 0, to_base = 0;
  while (true) {
    for (int64_t row = 0; row < rows; row += kTile) {
      for (int64_t column = 0; column < columns; column += kTile) {
        copy_any_tile(from + (from_base + row * from_step[0] + column) * static_cast<int64_t>(element_bytes),
                      to + (to_base + row + column * to_step[n - 1]) * static_cast<int64_t>(element_bytes),
                      std::min(kTile, rows - row), std::min(kTile, columns - column), from_step[0], to_step[n - 1],
                      element_bytes);
      }
    }
    size_t i = 1;
    for (; i + 1 < n; ++i) {
      from_base += from_step[i];
      to_base += to_step[i];
      if (++index[i] < lengths[i]) break;
      from_base -= from_step[i] * lengths[i];
      to_base -= to_step[i] * lengths[i];
      index[i] = 0;
    }
    if (i + 1 >= n) return;
  }
}

void copy_elements(const char* from, void* to, size_t count, const ElementType& type, mxClassID target) {
  const size_t part = type.complex ? type.bytes / 2 : type.bytes;
  if (type.half) {
    for (size_t i = 0; i < count; ++i) {
      uint16_t bits;
      std::memcpy(&bits, from + i * type.bytes, sizeof bits);
      const float value = half_to_float(bits);
      if (target == mxDOUBLE_CLASS) {
        static_cast<double*>(to)[i] = value;
      } else {
        static_cast<float*>(to)[i] = value;
      }
    }
  } else if (target == mxLOGICAL_CLASS) {
    for (size_t i = 0; i < count; ++i) static_cast<mxLogical*>(to)[i] = from[i] != 0;
  } else if (target != type.stored) {
    to_double(from, static_cast<double*>(to), count, type.stored, type.bytes);
  } else if (!type.complex) {
    if (count != 0) std::memcpy(to, from, count * type.bytes);
  } else {
    for (size_t i = 0; i < count; ++i) std::memcpy(static_cast<char*>(to) + i * part, from + i * type.bytes, part);
  }
}

mxArray* array_of_elements(const char* elements, const std::vector<int64_t>& shape, const ElementType& type,
                           bool column_major, mxClassID target) {
  const size_t count = element_count(shape).value_or(0);
  const bool in_order = column_major || shape.size() < 2;
  std::vector<char> reordered;
  if (!in_order) {
    reordered.resize(count * type.bytes);
    reorder(elements, reordered.data(), shape, type.bytes, true);
    elements = reordered.data();
  }
  mxArray* array = numeric_array(matlab_shape(shape), target, type.complex);
  copy_elements(elements, mxGetData(array), count, type, target);
  if (type.complex) copy_elements(elements + type.bytes / 2, mxGetImagData(array), count, type, target);
  return array;
}

std::string elements_of(const mxArray* array) {
  const size_t count = mxGetNumberOfElements(array);
  const size_t part = mxIsLogical(array) ? 1 : mxGetElementSize(array);
  if (!mxIsComplex(array)) {
    return count == 0 ? std::string() : std::string(static_cast<const char*>(mxGetData(array)), count * part);
  }
  std::string elements(count * part * 2, '\0');
  const auto* real = static_cast<const char*>(mxGetData(array));
  const auto* imaginary = static_cast<const char*>(mxGetImagData(array));
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(&elements[2 * i * part], real + i * part, part);
    std::memcpy(&elements[(2 * i + 1) * part], imaginary + i * part, part);
  }
  return elements;
}

}  // namespace levada
