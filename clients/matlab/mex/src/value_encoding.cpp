#include <cstring>
#include <unordered_map>

#include "error.hpp"
#include "stand_in.hpp"
#include "tensors.hpp"
#include "values.hpp"

namespace levada {
namespace {

using levada_api::v1::Value;
namespace pb = levada_api::v1;

// The deepest nesting of a value: parsers of protobuf refuse 100 levels of messages, and a level here takes up to
// three.
constexpr int kMaxDepth = 30;

void encode(const mxArray* array, Value& value, const std::string& path, int depth);

std::string at_cell(const std::string& path, size_t index) { return path + "{" + std::to_string(index + 1) + "}"; }

Error refusal(const std::string& path, const std::string& what, const std::string& advice) {
  return wrong_value(path + ": " + what + " cannot be stored. " + advice);
}

void set_shape(const mxArray* array, google::protobuf::RepeatedField<int64_t>& shape) {
  for (mwSize length : shape_of(array)) shape.Add(static_cast<int64_t>(length));
}

void encode_text(const mxArray* array, Value& value, const std::string& path) {
  const auto* chars = static_cast<const mxChar*>(mxGetData(array));
  const size_t rows = mxGetM(array), columns = mxGetN(array);
  if (mxGetNumberOfDimensions(array) > 2) {
    throw refusal(path, "a char array of more than two dimensions", "Store a cell of texts.");
  }
  if (rows <= 1) {
    value.set_text(text_of(chars, rows * columns, 1, path));
    return;
  }
  pb::Tensor& tensor = *value.mutable_tensor();
  tensor.set_dtype("text");
  tensor.set_column_major(true);
  tensor.add_shape(static_cast<int64_t>(rows));
  for (size_t row = 0; row < rows; ++row) tensor.add_texts(text_of(chars + row, columns, rows, path));
}

void encode_numbers(const mxArray* array, pb::Tensor& tensor, const std::string& path) {
  const std::string dtype = dtype_of(array);
  if (dtype.empty()) throw refusal(path, described(array) + " of complex integers", "Store it as double.");
  tensor.set_dtype(dtype);
  tensor.set_elements(elements_of(array));
  tensor.set_scalar(mxGetNumberOfElements(array) == 1);
  if (tensor.scalar()) return;
  tensor.set_column_major(true);
  set_shape(array, *tensor.mutable_shape());
}

void encode_numeric(const mxArray* array, Value& value, const std::string& path) {
  const bool scalar = mxGetNumberOfElements(array) == 1;
  const bool complex = mxIsComplex(array);
  if (is_unset(array)) {
    value.set_null(google::protobuf::NULL_VALUE);
  } else if (scalar && mxIsLogical(array)) {
    value.set_boolean(mxIsLogicalScalarTrue(array));
  } else if (scalar && mxIsDouble(array) && !complex) {
    value.set_float_(mxGetPr(array)[0]);
  } else if (scalar && mxIsDouble(array)) {
    value.mutable_complex()->set_real(mxGetPr(array)[0]);
    value.mutable_complex()->set_imaginary(mxGetPi(array)[0]);
  } else if (scalar && mxIsInt64(array) && !complex) {
    value.set_integer(*static_cast<const int64_t*>(mxGetData(array)));
  } else {
    encode_numbers(array, *value.mutable_tensor(), path);
  }
}

void encode_sparse(const mxArray* array, pb::SparseMatrix& matrix) {
  set_shape(array, *matrix.mutable_shape());
  const mwSize columns = mxGetN(array);
  const mwIndex* rows = mxGetIr(array);
  const mwIndex* starts = mxGetJc(array);
  const bool complex = mxIsComplex(array), logical = mxIsLogical(array);
  std::string elements;
  for (mwSize column = 0; column < columns; ++column) {
    for (mwIndex i = starts[column]; i < starts[column + 1]; ++i) {
      matrix.add_rows(static_cast<int64_t>(rows[i]));
      matrix.add_columns(static_cast<int64_t>(column));
      if (logical) {
        elements += mxGetLogicals(array)[i] ? '\1' : '\0';
      } else {
        elements.append(reinterpret_cast<const char*>(mxGetPr(array) + i), sizeof(double));
        if (complex) elements.append(reinterpret_cast<const char*>(mxGetPi(array) + i), sizeof(double));
      }
    }
  }
  pb::Tensor& tensor = *matrix.mutable_elements();
  tensor.set_dtype(logical ? "bool" : complex ? "complex128" : "float64");
  tensor.add_shape(matrix.rows_size());
  tensor.set_elements(std::move(elements));
}

template <typename Message>
void encode_cells(const mxArray* cells, Message& message, const std::string& path, int depth) {
  const size_t count = mxGetNumberOfElements(cells);
  for (size_t i = 0; i < count; ++i) encode(mxGetCell(cells, i), *message.add_values(), at_cell(path, i), depth + 1);
}

void encode_cell(const mxArray* cells, Value& value, const std::string& path, int depth) {
  if (mxGetNumberOfDimensions(cells) == 2 && mxGetM(cells) == 1) {
    encode_cells(cells, *value.mutable_list(), path, depth);
    return;
  }
  pb::CellArray& message = *value.mutable_cell_array();
  message.set_column_major(true);
  set_shape(cells, *message.mutable_shape());
  encode_cells(cells, message, path, depth);
}

void encode_struct(const mxArray* array, Value& value, const std::string& path, int depth) {
  const int fields = mxGetNumberOfFields(array);
  if (mxGetNumberOfElements(array) == 1) {
    pb::TextMap& map = *value.mutable_map();
    for (int field = 0; field < fields; ++field) {
      const char* name = mxGetFieldNameByNumber(array, field);
      map.add_keys(name);
      encode(mxGetFieldByNumber(array, 0, field), *map.add_values(), path + "." + name, depth + 1);
    }
    return;
  }
  pb::StructArray& structs = *value.mutable_struct_array();
  set_shape(array, *structs.mutable_shape());
  for (int field = 0; field < fields; ++field) structs.add_fields(mxGetFieldNameByNumber(array, field));
  for (size_t i = 0; i < mxGetNumberOfElements(array); ++i) {
    for (int field = 0; field < fields; ++field) {
      const std::string inner = path + "(" + std::to_string(i + 1) + ")." + mxGetFieldNameByNumber(array, field);
      encode(mxGetFieldByNumber(array, i, field), *structs.add_values(), inner, depth + 1);
    }
  }
}

// ------------------------------------------------------------------------------------------------- stand-ins

// The fields of a stand-in; its kind needs all of them.
class Parts {
 public:
  Parts(const mxArray* array, std::string path) : array_(array), path_(std::move(path)) {}

  // A field that only some stand-ins of the kind have; null without it.
  const mxArray* optional(const char* name) const { return mxGetField(array_, 0, name); }

  const mxArray* field(const char* name) const {
    const mxArray* value = mxGetField(array_, 0, name);
    if (value == nullptr) throw wrong_value(path_ + ": the stand-in has no field `" + name + "`.");
    return value;
  }
  std::string text(const char* name) const { return text_of(field(name), path_ + "." + name); }
  int64_t number(const char* name) const {
    double_of(field(name), path_ + "." + name);  // one number
    return whole_number_at(field(name), 0, path_ + "." + name);
  }
  int32_t small_number(const char* name) const {
    const int64_t value = number(name);
    if (value < INT32_MIN || value > INT32_MAX) throw wrong_value(path_ + "." + name + " is past the range of int32.");
    return static_cast<int32_t>(value);
  }
  const mxArray* cells(const char* name) const {
    const mxArray* value = field(name);
    if (!mxIsCell(value)) throw wrong_value(path_ + "." + name + " is a cell, not " + described(value) + ".");
    return value;
  }
  const std::string& path() const { return path_; }

 private:
  const mxArray* array_;
  std::string path_;
};

template <typename Message>
void add_names(const mxArray* cells, Message add, const std::string& path) {
  for (size_t i = 0; i < mxGetNumberOfElements(cells); ++i) add(text_of(mxGetCell(cells, i), at_cell(path, i)));
}

std::string uuid_octets(const std::string& text, const std::string& path) {
  std::string octets;
  int high = -1;
  for (char letter : text) {
    if (letter == '-') continue;
    const int digit = letter >= '0' && letter <= '9'   ? letter - '0'
                      : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                      : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
                                                       : -1;
    if (digit < 0) throw wrong_value(path + ": `" + text + "` is not a UUID.");
    if (high < 0) {
      high = digit;
    } else {
      octets += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  if (octets.size() != 16 || high >= 0) throw wrong_value(path + ": `" + text + "` is not a UUID.");
  return octets;
}

void encode_timestamp(const Parts& parts, pb::Timestamp& timestamp) {
  timestamp.set_microseconds(parts.number("microseconds"));
  const std::string zone = parts.text("zone");
  if (!zone.empty()) timestamp.set_zone(zone);
}

void encode_tensor(const Parts& parts, pb::Tensor& tensor) {
  const std::string dtype = parts.text("dtype");
  const mxArray* elements = parts.field("elements");
  tensor.set_dtype(dtype);
  tensor.set_column_major(true);
  set_shape(elements, *tensor.mutable_shape());
  if (dtype == "text") {
    add_names(parts.cells("elements"), [&](std::string text) { tensor.add_texts(std::move(text)); }, parts.path() + ".elements");
    if (parts.optional("text_length") != nullptr) tensor.set_text_length(parts.small_number("text_length"));
    return;
  }
  const bool time = dtype.rfind("datetime64[", 0) == 0 || dtype.rfind("timedelta64[", 0) == 0;
  if (!is_number(elements) || dtype_of(elements) != (time ? "int64" : dtype)) {
    throw wrong_value(parts.path() + ".elements does not hold " + dtype + ": it is " + described(elements) + ".");
  }
  tensor.set_elements(elements_of(elements));
}

template <typename Map>
void encode_values(const Parts& parts, int keys, Map& map, int depth) {
  encode_cells(parts.cells("values"), map, parts.path() + ".values", depth);
  if (map.values_size() != keys) throw wrong_value(parts.path() + ": it does not have one value per key.");
}

void encode_map(const Parts& parts, pb::TextMap& map, int depth) {
  add_names(parts.cells("keys"), [&](std::string key) { map.add_keys(std::move(key)); }, parts.path() + ".keys");
  encode_values(parts, map.keys_size(), map, depth);
}

void encode_any_map(const Parts& parts, pb::AnyMap& map, int depth) {
  const mxArray* keys = parts.cells("keys");
  for (size_t i = 0; i < mxGetNumberOfElements(keys); ++i) {
    encode(mxGetCell(keys, i), *map.add_keys(), at_cell(parts.path() + ".keys", i), depth + 1);
  }
  encode_values(parts, map.keys_size(), map, depth);
}

mxArray* plain_object(const mxArray* array, const std::string& path);

// A column of a table: a list or a tensor of one dimension, also if it has one row.
void encode_table_column(const mxArray* array, Value& value, const std::string& path, int depth) {
  if (array != nullptr && is_object(array)) {
    mxArray* plain = plain_object(array, path);
    encode_table_column(plain, value, path, depth);
    mxDestroyArray(plain);
    return;
  }
  const bool vector = array != nullptr && mxGetNumberOfDimensions(array) == 2 && mxGetN(array) == 1;
  if (vector && mxIsCell(array)) {
    encode_cells(array, *value.mutable_list(), path, depth);
  } else if (vector && (mxIsNumeric(array) || mxIsLogical(array)) && !mxIsSparse(array)) {
    pb::Tensor& tensor = *value.mutable_tensor();
    encode_numbers(array, tensor, path);
    tensor.set_scalar(false);
    tensor.set_column_major(false);
    tensor.clear_shape();
    tensor.add_shape(static_cast<int64_t>(mxGetM(array)));
  } else {
    encode(array, value, path, depth);
    // A column of times has one dimension too.
    if (value.kind_case() == Value::kTensor && value.tensor().shape_size() == 2 && value.tensor().shape(1) == 1) {
      value.mutable_tensor()->mutable_shape()->RemoveLast();
      value.mutable_tensor()->set_column_major(false);
    }
  }
}

void encode_table(const Parts& parts, pb::Columns& table, int depth) {
  add_names(parts.cells("names"), [&](std::string name) { table.add_names(std::move(name)); }, parts.path() + ".names");
  const mxArray* columns = parts.cells("columns");
  for (size_t i = 0; i < mxGetNumberOfElements(columns); ++i) {
    encode_table_column(mxGetCell(columns, i), *table.add_columns(), at_cell(parts.path() + ".columns", i), depth + 1);
  }
  if (table.columns_size() != table.names_size()) throw wrong_value(parts.path() + ": it does not have one column per name.");
  if (parts.optional("library") == nullptr) return;
  table.set_library(parts.text("library"));
  add_names(parts.cells("types"), [&](std::string type) { table.add_types(std::move(type)); }, parts.path() + ".types");
  table.set_index_count(parts.small_number("index_count"));
  table.set_arrow_schema(bytes_of(parts.field("arrow_schema"), parts.path() + ".arrow_schema"));
}

using StandInEncoder = void (*)(const Parts&, Value&, int depth);

const std::unordered_map<std::string, StandInEncoder>& stand_in_encoders() {
  static const std::unordered_map<std::string, StandInEncoder> table = {
      {"date", [](const Parts& in, Value& out, int) { out.set_date(in.small_number("days")); }},
      {"time", [](const Parts& in, Value& out, int) { out.set_time(in.number("microseconds")); }},
      {"duration", [](const Parts& in, Value& out, int) { out.set_duration(in.number("microseconds")); }},
      {"timestamp", [](const Parts& in, Value& out, int) { encode_timestamp(in, *out.mutable_timestamp()); }},
      {"decimal", [](const Parts& in, Value& out, int) { out.set_decimal(in.text("text")); }},
      {"big_integer", [](const Parts& in, Value& out, int) { out.set_big_integer(in.text("text")); }},
      {"uuid", [](const Parts& in, Value& out, int) { out.set_uuid(uuid_octets(in.text("text"), in.path())); }},
      {"binary", [](const Parts& in, Value& out, int) { out.set_binary(bytes_of(in.field("bytes"), in.path())); }},
      {"tensor", [](const Parts& in, Value& out, int) { encode_tensor(in, *out.mutable_tensor()); }},
      {"tuple",
       [](const Parts& in, Value& out, int depth) {
         encode_cells(in.cells("values"), *out.mutable_tuple(), in.path() + ".values", depth);
       }},
      {"set",
       [](const Parts& in, Value& out, int depth) {
         encode_cells(in.cells("values"), *out.mutable_set(), in.path() + ".values", depth);
       }},
      {"frozen_set",
       [](const Parts& in, Value& out, int depth) {
         encode_cells(in.cells("values"), *out.mutable_frozen_set(), in.path() + ".values", depth);
       }},
      {"map", [](const Parts& in, Value& out, int depth) { encode_map(in, *out.mutable_map(), depth); }},
      {"any_map", [](const Parts& in, Value& out, int depth) { encode_any_map(in, *out.mutable_any_map(), depth); }},
      {"table", [](const Parts& in, Value& out, int depth) { encode_table(in, *out.mutable_table(), depth); }},
  };
  return table;
}

void encode_stand_in(const mxArray* array, Value& value, const std::string& path, int depth) {
  const Parts parts(array, path);
  const std::string kind = parts.text(kStandInField);
  const auto encoder = stand_in_encoders().find(kind);
  if (encoder == stand_in_encoders().end()) throw wrong_value(path + ": `" + kind + "` is not a kind of stand-in.");
  encoder->second(parts, value, depth);
}

// An object of a class, such as string, datetime or table, as plain values. M code reads it, because the C API cannot.
mxArray* plain_object(const mxArray* array, const std::string& path) {
  const std::string class_name = mxGetClassName(array);
  if (class_name == "function_handle") throw refusal(path, "a function handle", "Store its text, func2str(f).");
  mxArray* result = nullptr;
  mxArray* argument = const_cast<mxArray*>(array);  // the declaration lacks a const
  mxArray* trouble = mexCallMATLABWithTrap(1, &result, 1, &argument, "levada.internal.values.standIn");
  if (trouble != nullptr || result == nullptr) {
    throw refusal(path, "an object of class " + class_name, "Turn it into plain values or arrays.");
  }
  return result;
}

void encode(const mxArray* array, Value& value, const std::string& path, int depth) {
  if (depth > kMaxDepth) throw wrong_value(path + ": it is nested deeper than " + std::to_string(kMaxDepth) + " levels.");
  if (array == nullptr) {
    value.set_null(google::protobuf::NULL_VALUE);
  } else if (mxIsSparse(array)) {
    encode_sparse(array, *value.mutable_sparse_matrix());
  } else if (mxIsChar(array)) {
    encode_text(array, value, path);
  } else if (mxIsNumeric(array) || mxIsLogical(array)) {
    encode_numeric(array, value, path);
  } else if (mxIsCell(array)) {
    encode_cell(array, value, path, depth);
  } else if (is_stand_in(array)) {
    encode_stand_in(array, value, path, depth);
  } else if (mxIsStruct(array)) {
    encode_struct(array, value, path, depth);
  } else {
    mxArray* plain = plain_object(array, path);
    encode(plain, value, path, depth + 1);
    mxDestroyArray(plain);
  }
}

}  // namespace

Value value_of(const mxArray* array, const std::string& path) {
  Value value;
  encode(array, value, path, 0);
  return value;
}

}  // namespace levada
