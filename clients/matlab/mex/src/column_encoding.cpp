#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>

#include "array_type.hpp"
#include "columns.hpp"
#include "error.hpp"
#include "tensors.hpp"

namespace levada {
namespace {

constexpr size_t kBatchBytes = size_t{4} << 20;  // soft limit of a batch; one row may exceed it
constexpr size_t kPieceBytes = size_t{1} << 20;

void require(ArrowErrorCode code, const char* message) {
  if (code != NANOARROW_OK) throw Error("INTERNAL", std::string("The rows cannot be written as Arrow: ") + message);
}

// How an attribute of a type `<array …>` stores the array of each row.
struct Layout {
  ArrayType type;
  ElementType element;
  size_t count;  // of elements

  size_t bytes() const { return count * element.bytes; }
};

enum class Kind { kDouble, kInt64, kLogical, kText, kBinary, kTensor };

struct Column {
  std::string name;
  Kind kind;
  const mxArray* values;
  const mxLogical* nulls;  // null if no value is missing
  size_t rows;
  std::optional<Layout> layout;  // of a tensor column

  std::string where(size_t row) const { return "row " + std::to_string(row) + ", attribute `" + name + "`"; }
};

// ---------------------------------------------------------------------------------------------------- tensors

template <typename To>
void put_whole(double value, char* to, const std::string& where, const std::string& dtype) {
  if (!(value >= static_cast<double>(std::numeric_limits<To>::min()) &&
        value <= static_cast<double>(std::numeric_limits<To>::max())) ||
      value != std::floor(value)) {
    throw Error("VALUE_OUT_OF_RANGE", where + ": an element is outside the range of " + dtype + ", or not a whole number.");
  }
  const To number = static_cast<To>(value);
  std::memcpy(to, &number, sizeof number);
}

uint16_t half_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (std::isnan(value)) return sign | 0x7E00;
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0F) return sign | 0x7C00;
  if (magnitude < 6.103515625e-05F) {  // subnormal: a multiple of 2^-24
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(std::ldexp(magnitude, 24))));
  }
  int exponent;
  const float fraction = std::frexp(magnitude, &exponent);  // 0.5 ≤ fraction < 1
  const auto mantissa = static_cast<int>(std::nearbyint(std::ldexp(fraction, 11)));  // 1024 … 2048
  return static_cast<uint16_t>(sign | (((exponent + 13) << 10) + mantissa));
}

// Casts one element, which loses at most digits of a fraction.
void cast_element(const mxArray* values, size_t index, const std::string& dtype, char* to, const std::string& where) {
  const double value = number_at(values, index);
  if (dtype == "float64") {
    std::memcpy(to, &value, sizeof value);
  } else if (dtype == "float32" || dtype == "float16") {
    const auto number = static_cast<float>(value);
    const double most = dtype == "float32" ? std::numeric_limits<float>::max() : 65504.0;
    if (std::isfinite(value) && std::fabs(value) > most) {
      throw Error("VALUE_OUT_OF_RANGE", where + ": an element is past the range of " + dtype + ".");
    }
    if (dtype == "float32") {
      std::memcpy(to, &number, sizeof number);
    } else {
      const uint16_t half = half_of(number);
      std::memcpy(to, &half, sizeof half);
    }
  } else if (dtype == "bool") {
    if (value != 0 && value != 1) throw Error("VALUE_OUT_OF_RANGE", where + ": an element is neither true nor false.");
    *to = value != 0;
  } else if (dtype == "int64") {
    try {
      const int64_t number = whole_number_at(values, index, "an element");
      std::memcpy(to, &number, sizeof number);
    } catch (const Error&) {
      throw Error("VALUE_OUT_OF_RANGE", where + ": an element is outside the range of int64, or not a whole number.");
    }
  } else if (dtype == "uint64") {
    uint64_t number;
    if (mxIsUint64(values)) {
      number = static_cast<const uint64_t*>(mxGetData(values))[index];
    } else if (value >= 0 && value < 18446744073709551616.0 && value == std::floor(value)) {
      number = mxIsInt64(values) ? static_cast<uint64_t>(static_cast<const int64_t*>(mxGetData(values))[index])
                                 : static_cast<uint64_t>(value);
    } else {
      throw Error("VALUE_OUT_OF_RANGE", where + ": an element is outside the range of uint64, or not a whole number.");
    }
    std::memcpy(to, &number, sizeof number);
  } else if (dtype == "int8") {
    put_whole<int8_t>(value, to, where, dtype);
  } else if (dtype == "uint8") {
    put_whole<uint8_t>(value, to, where, dtype);
  } else if (dtype == "int16") {
    put_whole<int16_t>(value, to, where, dtype);
  } else if (dtype == "uint16") {
    put_whole<uint16_t>(value, to, where, dtype);
  } else if (dtype == "int32") {
    put_whole<int32_t>(value, to, where, dtype);
  } else {
    put_whole<uint32_t>(value, to, where, dtype);
  }
}

// The parts of complex numbers lie side by side.
void cast_complex(const mxArray* values, const Layout& layout, char* to, const std::string& where) {
  if (!mxIsDouble(values) && !mxIsSingle(values)) {
    throw wrong_value(where + ": " + layout.type.dtype + " takes double or single, not " + described(values) + ".");
  }
  const bool single = layout.type.dtype == "complex64";
  const auto part = [&](const void* data, size_t i) {
    return mxIsDouble(values) ? static_cast<const double*>(data)[i] : static_cast<const float*>(data)[i];
  };
  for (size_t i = 0; i < layout.count; ++i) {
    const double parts[] = {part(mxGetData(values), i), mxIsComplex(values) ? part(mxGetImagData(values), i) : 0.0};
    const float narrow[] = {static_cast<float>(parts[0]), static_cast<float>(parts[1])};
    if (single && ((std::isfinite(parts[0]) && !std::isfinite(narrow[0])) || (std::isfinite(parts[1]) && !std::isfinite(narrow[1])))) {
      throw Error("VALUE_OUT_OF_RANGE", where + ": an element is past the range of complex64.");
    }
    std::memcpy(to + i * layout.element.bytes, single ? static_cast<const void*>(narrow) : parts, layout.element.bytes);
  }
}

Layout layout_of(const std::string& spelling) {
  auto type = parse_array_type(spelling);
  const auto element = type ? element_type(type->dtype) : std::nullopt;
  const auto count = type ? element_count(type->shape) : std::nullopt;
  if (!element || !count) throw invalid_request("`" + spelling + "` is not a type of an array.");
  return {*std::move(type), *element, *count};
}

// The array of one row as its attribute stores it: cast, and in C order.
std::vector<char> stored_elements(const mxArray* values, const Layout& layout, const std::string& where) {
  if (values == nullptr || mxGetNumberOfElements(values) != layout.count) {
    throw wrong_value(where + ": " + described(values) + " does not have the " + std::to_string(layout.count) +
                      " elements of the type.");
  }
  const std::string& dtype = layout.type.dtype;
  std::vector<char> bytes(layout.bytes());
  if (layout.element.complex) {
    cast_complex(values, layout, bytes.data(), where);
  } else if (!is_number(values)) {
    throw wrong_value(where + ": " + dtype + " takes real numbers, not " + described(values) + ".");
  } else if (dtype_of(values) == dtype) {
    if (!bytes.empty()) std::memcpy(bytes.data(), mxGetData(values), bytes.size());
  } else {
    for (size_t i = 0; i < layout.count; ++i) cast_element(values, i, dtype, &bytes[i * layout.element.bytes], where);
  }
  if (layout.type.shape.size() < 2) return bytes;
  std::vector<char> by_rows(bytes.size());
  reorder(bytes.data(), by_rows.data(), layout.type.shape, layout.element.bytes, false);
  return by_rows;
}

// ----------------------------------------------------------------------------------------------------- columns

Kind kind_named(const std::string& name, const std::string& column) {
  if (name == "double") return Kind::kDouble;
  if (name == "int64") return Kind::kInt64;
  if (name == "logical") return Kind::kLogical;
  if (name == "text") return Kind::kText;
  if (name == "binary") return Kind::kBinary;
  if (name == "tensor") return Kind::kTensor;
  throw invalid_request("`" + name + "` is not a kind of column (" + column + ").");
}

const mxArray* field(const mxArray* columns, size_t index, const char* name) {
  const mxArray* value = mxGetField(columns, index, name);
  if (value == nullptr) throw invalid_request("A column needs the field `" + std::string(name) + "`.");
  return value;
}

void require_class(const Column& column, bool right, const char* what) {
  if (!right) throw invalid_request("The column `" + column.name + "` is " + what + ", not " + described(column.values) + ".");
}

Column column_at(const mxArray* columns, size_t index) {
  Column column;
  column.name = text_of(field(columns, index, "name"), "The name of a column");
  column.kind = kind_named(text_of(field(columns, index, "kind"), "The kind of a column"), column.name);
  column.values = field(columns, index, "values");
  column.rows = mxGetNumberOfElements(column.values);
  switch (column.kind) {
    case Kind::kDouble: require_class(column, mxIsDouble(column.values) && is_number(column.values), "double"); break;
    case Kind::kInt64: require_class(column, mxIsInt64(column.values) && is_number(column.values), "int64"); break;
    case Kind::kLogical: require_class(column, mxIsLogical(column.values) && is_number(column.values), "logical"); break;
    case Kind::kText: require_class(column, mxIsCell(column.values), "a cell of texts"); break;
    case Kind::kBinary: require_class(column, mxIsCell(column.values), "a cell of uint8"); break;
    case Kind::kTensor:
      require_class(column, mxIsCell(column.values), "a cell of arrays");
      column.layout = layout_of(text_of(field(columns, index, "type"), "The type of a column"));
      break;
  }
  const mxArray* nulls = mxGetField(columns, index, "nulls");
  column.nulls = nullptr;
  if (nulls != nullptr && !is_unset(nulls)) {
    if (!mxIsLogical(nulls) || mxGetNumberOfElements(nulls) != column.rows) {
      throw invalid_request("The nulls of the column `" + column.name + "` are a logical per row.");
    }
    column.nulls = mxGetLogicals(nulls);
  }
  return column;
}

ArrowType arrow_type(Kind kind) {
  switch (kind) {
    case Kind::kDouble: return NANOARROW_TYPE_DOUBLE;
    case Kind::kInt64: return NANOARROW_TYPE_INT64;
    case Kind::kLogical: return NANOARROW_TYPE_BOOL;
    case Kind::kText: return NANOARROW_TYPE_STRING;
    case Kind::kBinary:
    case Kind::kTensor: return NANOARROW_TYPE_BINARY;
  }
  return NANOARROW_TYPE_UNINITIALIZED;
}

size_t bytes_at(const Column& column, size_t row) {
  switch (column.kind) {
    case Kind::kText:
    case Kind::kBinary: {
      const mxArray* cell = mxGetCell(column.values, row);
      return 4 + (cell == nullptr ? 0 : mxGetNumberOfElements(cell) * (column.kind == Kind::kText ? sizeof(mxChar) : 1));
    }
    case Kind::kTensor: return 4 + column.layout->bytes();
    default: return sizeof(double);
  }
}

void append(const Column& column, size_t row, ArrowArray* array) {
  if (column.nulls != nullptr && column.nulls[row]) {
    require(ArrowArrayAppendNull(array, 1), "there is not enough memory.");
    return;
  }
  ArrowErrorCode code = NANOARROW_OK;
  switch (column.kind) {
    case Kind::kDouble: code = ArrowArrayAppendDouble(array, mxGetPr(column.values)[row]); break;
    case Kind::kInt64: code = ArrowArrayAppendInt(array, static_cast<const int64_t*>(mxGetData(column.values))[row]); break;
    case Kind::kLogical: code = ArrowArrayAppendInt(array, mxGetLogicals(column.values)[row] ? 1 : 0); break;
    case Kind::kText: {
      const std::string text = text_of(mxGetCell(column.values, row), column.where(row));
      code = ArrowArrayAppendString(array, {text.data(), static_cast<int64_t>(text.size())});
      break;
    }
    case Kind::kBinary: {
      const std::string bytes = bytes_of(mxGetCell(column.values, row), column.where(row));
      code = ArrowArrayAppendBytes(array, {{bytes.data()}, static_cast<int64_t>(bytes.size())});
      break;
    }
    case Kind::kTensor: {
      const std::vector<char> bytes = stored_elements(mxGetCell(column.values, row), *column.layout, column.where(row));
      code = ArrowArrayAppendBytes(array, {{bytes.data()}, static_cast<int64_t>(bytes.size())});
      break;
    }
  }
  require(code, "a value is too large, or there is not enough memory.");
}

// The first row after `row` that goes into the next batch.
size_t batch_end(const std::vector<Column>& columns, size_t row, size_t rows) {
  for (size_t bytes = 0; row < rows; ++row) {
    for (const Column& column : columns) bytes += bytes_at(column, row);
    if (bytes > kBatchBytes) return row + 1;
  }
  return rows;
}

void make_schema(const std::vector<Column>& columns, ArrowSchema* schema) {
  ArrowSchemaInit(schema);
  require(ArrowSchemaSetTypeStruct(schema, static_cast<int64_t>(columns.size())), "there is not enough memory.");
  for (size_t i = 0; i < columns.size(); ++i) {
    require(ArrowSchemaSetType(schema->children[i], arrow_type(columns[i].kind)), "there is not enough memory.");
    require(ArrowSchemaSetName(schema->children[i], columns[i].name.c_str()), "there is not enough memory.");
  }
}

}  // namespace

mxArray* stored_array(const mxArray* value, const std::string& type, const std::string& where) {
  const std::vector<char> bytes = stored_elements(value, layout_of(type), where);
  return bytes_array({bytes.data(), bytes.size()});
}

mxArray* pieces_of(const mxArray* array) {
  if (array == nullptr || !mxIsStruct(array)) throw invalid_request("Columns are a struct array.");
  std::vector<Column> columns;
  for (size_t i = 0; i < mxGetNumberOfElements(array); ++i) columns.push_back(column_at(array, i));
  const size_t rows = columns.empty() ? 0 : columns.front().rows;
  for (const Column& column : columns) {
    if (column.rows != rows) {
      throw invalid_request("The columns differ in length: `" + columns.front().name + "` has " + std::to_string(rows) +
                            ", `" + column.name + "` has " + std::to_string(column.rows) + ".");
    }
  }

  ArrowError error{};
  nanoarrow::UniqueSchema schema;
  make_schema(columns, schema.get());
  nanoarrow::UniqueBuffer stream;
  ArrowBufferInit(stream.get());
  nanoarrow::ipc::UniqueOutputStream output;
  require(ArrowIpcOutputStreamInitBuffer(output.get(), stream.get()), "there is not enough memory.");
  nanoarrow::ipc::UniqueWriter writer;
  require(ArrowIpcWriterInit(writer.get(), output.get()), "there is not enough memory.");
  require(ArrowIpcWriterWriteSchema(writer.get(), schema.get(), &error), error.message);
  for (size_t first = 0; first < rows;) {
    const size_t end = batch_end(columns, first, rows);
    nanoarrow::UniqueArray batch;
    require(ArrowArrayInitFromSchema(batch.get(), schema.get(), &error), error.message);
    require(ArrowArrayStartAppending(batch.get()), "there is not enough memory.");
    for (size_t i = 0; i < columns.size(); ++i) {
      for (size_t row = first; row < end; ++row) append(columns[i], row, batch->children[i]);
    }
    batch->length = static_cast<int64_t>(end - first);
    require(ArrowArrayFinishBuildingDefault(batch.get(), &error), error.message);
    nanoarrow::UniqueArrayView view;
    require(ArrowArrayViewInitFromSchema(view.get(), schema.get(), &error), error.message);
    require(ArrowArrayViewSetArray(view.get(), batch.get(), &error), error.message);
    require(ArrowIpcWriterWriteArrayView(writer.get(), view.get(), &error), error.message);
    first = end;
  }
  require(ArrowIpcWriterWriteArrayView(writer.get(), nullptr, &error), error.message);  // the mark of the end

  const std::string_view bytes(reinterpret_cast<const char*>(stream->data), static_cast<size_t>(stream->size_bytes));
  mxArray* pieces = cell_row((bytes.size() + kPieceBytes - 1) / kPieceBytes);
  for (size_t start = 0; start < bytes.size(); start += kPieceBytes) {
    mxSetCell(pieces, start / kPieceBytes, bytes_array(bytes.substr(start, kPieceBytes)));
  }
  return pieces;
}

}  // namespace levada
