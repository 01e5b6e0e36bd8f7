#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

#include "error.hpp"
#include "stand_in.hpp"
#include "tensors.hpp"
#include "values.hpp"

namespace levada {
namespace {

using levada_api::v1::Value;
namespace pb = levada_api::v1;

constexpr int kMaxDepth = 64;  // the writers stop at 30
constexpr int64_t kMostSparseColumns = int64_t{1} << 27;  // each takes 8 bytes, even if it is empty
constexpr double kMostChars = 1 << 30;  // in a char matrix, whose rows are as long as the longest
constexpr int64_t kExactDouble = int64_t{1} << 53;
constexpr size_t kNameLength = 63;  // longest name of a MATLAB variable or field

mxArray* decode(const Value& value, bool exact, int depth);

mxArray* empty_double() { return numeric_array({0, 0}, mxDOUBLE_CLASS); }

template <typename Values>
void put_cells(mxArray* cells, const Values& values, bool exact, int depth) {
  for (int i = 0; i < values.size(); ++i) mxSetCell(cells, static_cast<mwIndex>(i), decode(values[i], exact, depth));
}

template <typename Values>
mxArray* row_of(const Values& values, bool exact, int depth) {
  mxArray* cells = cell_row(static_cast<size_t>(values.size()));
  put_cells(cells, values, exact, depth);
  return cells;
}

mxArray* names_row(const google::protobuf::RepeatedPtrField<std::string>& names) {
  mxArray* cells = cell_row(static_cast<size_t>(names.size()));
  for (int i = 0; i < names.size(); ++i) mxSetCell(cells, static_cast<mwIndex>(i), text_array(names[i]));
  return cells;
}

std::vector<int64_t> shape_of_message(const google::protobuf::RepeatedField<int64_t>& shape, int64_t elements) {
  std::vector<int64_t> lengths(shape.begin(), shape.end());
  const auto count = element_count(lengths);
  if (!count || static_cast<int64_t>(*count) != elements) {
    throw wrong_value("The value is damaged: an array whose shape does not fit its " + std::to_string(elements) + " elements.");
  }
  return lengths;
}

mxArray* decode_integer(int64_t integer, bool exact) {
  const bool fits = integer >= -kExactDouble && integer <= kExactDouble;
  return exact || !fits ? int64_array(integer) : double_array(static_cast<double>(integer));
}

mxArray* with_text(const char* kind, const std::string& text) {
  StructBuilder fields = stand_in(kind);
  fields.set("text", text_array(text));
  return fields.build();
}

mxArray* with_number(const char* kind, const char* field, int64_t number) {
  StructBuilder fields = stand_in(kind);
  fields.set(field, int64_array(number));
  return fields.build();
}

mxArray* decode_timestamp(const pb::Timestamp& timestamp) {
  StructBuilder fields = stand_in("timestamp");
  fields.set("microseconds", int64_array(timestamp.microseconds()));
  fields.set("zone", text_array(timestamp.zone()));
  return fields.build();
}

std::string uuid_text(const std::string& octets) {
  if (octets.size() != 16) throw wrong_value("The value is damaged: a UUID of " + std::to_string(octets.size()) + " bytes.");
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[static_cast<unsigned char>(octets[i]) >> 4];
    text += digits[octets[i] & 0xF];
  }
  return text;
}

mxArray* decode_complex(const pb::Complex& complex) {
  mxArray* array = numeric_array({1, 1}, mxDOUBLE_CLASS, true);
  *static_cast<double*>(mxGetData(array)) = complex.real();
  *static_cast<double*>(mxGetImagData(array)) = complex.imaginary();
  return array;
}

// A text array: a char matrix if its texts are the rows of one, else a cell of texts.
mxArray* decode_texts(const pb::Tensor& tensor, bool exact) {
  if (tensor.scalar() && tensor.texts_size() == 1 && !exact) return text_array(tensor.texts(0));
  const std::vector<int64_t> shape = shape_of_message(tensor.shape(), tensor.texts_size());
  if (shape.size() == 1 && tensor.column_major()) {
    const mwSize rows = static_cast<mwSize>(shape[0]);
    std::vector<std::string_view> pieces(tensor.texts().begin(), tensor.texts().end());
    std::vector<double> lengths(rows);
    mxArray* flat = flat_text_array(pieces, lengths.data());
    const double longest = rows == 0 ? 0 : *std::max_element(lengths.begin(), lengths.end());
    const mwSize dims[] = {rows, static_cast<mwSize>(longest)};
    if (longest * static_cast<double>(rows) > kMostChars) throw wrong_value("The value is damaged: a char array that is too large.");
    mxArray* matrix = mxCreateCharArray(2, dims);
    const auto* from = static_cast<const mxChar*>(mxGetData(flat));
    auto* to = static_cast<mxChar*>(mxGetData(matrix));
    for (mwSize row = 0; row < rows; ++row) {
      const auto length = static_cast<mwSize>(lengths[row]);
      for (mwSize column = 0; column < dims[1]; ++column) to[row + column * rows] = column < length ? from[column] : ' ';
      from += length;  // Python may have changed a row to a shorter one
    }
    mxDestroyArray(flat);
    return matrix;
  }
  const Shape dims = matlab_shape(shape);
  mxArray* cells = mxCreateCellArray(static_cast<mwSize>(dims.size()), dims.data());
  std::vector<uint32_t> order(static_cast<size_t>(tensor.texts_size()));
  std::vector<uint32_t> permuted(order.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  if (tensor.column_major() || shape.size() < 2) {
    permuted = order;
  } else {
    reorder(reinterpret_cast<const char*>(order.data()), reinterpret_cast<char*>(permuted.data()), shape, 4, true);
  }
  for (size_t i = 0; i < permuted.size(); ++i) {
    mxSetCell(cells, i, text_array(tensor.texts(static_cast<int>(permuted[i]))));
  }
  if (!exact) return cells;
  StructBuilder fields = stand_in("tensor");
  fields.set("dtype", text_array("text"));
  fields.set("elements", cells);
  fields.set("text_length", double_array(tensor.text_length()));
  return fields.build();
}

// numpy's times: whole numbers of the unit that the dtype names.
bool counts_time(const std::string& dtype) {
  return dtype.rfind("datetime64[", 0) == 0 || dtype.rfind("timedelta64[", 0) == 0;
}

mxArray* decode_tensor(const pb::Tensor& tensor, bool exact) {
  if (tensor.dtype() == "text") return decode_texts(tensor, exact);
  const bool time = counts_time(tensor.dtype());
  const auto type = element_type(time ? "int64" : tensor.dtype());
  if (!type) throw wrong_value("The value holds an array of `" + tensor.dtype() + "`, which this client does not know.");
  if (tensor.elements().size() % type->bytes != 0) throw wrong_value("The value is damaged: it ends within an element.");
  const auto count = static_cast<int64_t>(tensor.elements().size() / type->bytes);
  const std::vector<int64_t> shape = shape_of_message(tensor.shape(), count);
  mxArray* array = array_of_elements(tensor.elements().data(), shape, *type, tensor.column_major(), type->stored);
  if (!time) return array;
  StructBuilder fields = stand_in("tensor");
  fields.set("dtype", text_array(tensor.dtype()));
  fields.set("elements", array);
  return fields.build();
}

mxArray* decode_sequence(const char* kind, const pb::Sequence& sequence, bool exact, int depth) {
  mxArray* cells = row_of(sequence.values(), exact, depth);
  if (!exact) return cells;
  StructBuilder fields = stand_in(kind);
  fields.set("values", cells);
  return fields.build();
}

bool is_name(const std::string& key) {
  if (key.empty() || key.size() > kNameLength || !(std::isalpha(static_cast<unsigned char>(key[0])))) return false;
  for (unsigned char letter : key) {
    if (letter >= 0x80 || !(std::isalnum(letter) || letter == '_')) return false;
  }
  return true;
}

// Returns whether the names can be field names of a struct.
bool are_fields(const google::protobuf::RepeatedPtrField<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!is_name(name) || !seen.insert(name).second) return false;
  }
  return true;
}

// Returns whether a struct with these fields would be taken for a stand-in.
bool mark_stand_in(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return !names.empty() && names[0] == kStandInField;
}

void require_pairs(int keys, int values) {
  if (keys != values) throw wrong_value("The value is damaged: a mapping with more keys than values, or fewer.");
}

mxArray* decode_map(const pb::TextMap& map, bool exact, int depth) {
  require_pairs(map.keys_size(), map.values_size());
  StructBuilder fields;
  if (are_fields(map.keys()) && !mark_stand_in(map.keys())) {
    for (int i = 0; i < map.keys_size(); ++i) fields.set(map.keys(i).c_str(), decode(map.values(i), exact, depth));
    return fields.build();
  }
  fields = stand_in("map");
  fields.set("keys", names_row(map.keys()));
  fields.set("values", row_of(map.values(), exact, depth));
  return fields.build();
}

mxArray* decode_any_map(const pb::AnyMap& map, bool exact, int depth) {
  require_pairs(map.keys_size(), map.values_size());
  StructBuilder fields = stand_in("any_map");
  fields.set("keys", row_of(map.keys(), exact, depth));
  fields.set("values", row_of(map.values(), exact, depth));
  return fields.build();
}

mxArray* decode_table(const pb::Columns& table, bool exact, int depth) {
  require_pairs(table.names_size(), table.columns_size());
  StructBuilder fields = stand_in("table");
  fields.set("names", names_row(table.names()));
  fields.set("columns", row_of(table.columns(), exact, depth));
  if (!exact || table.library().empty()) return fields.build();
  fields.set("library", text_array(table.library()));
  fields.set("types", names_row(table.types()));
  fields.set("index_count", double_array(table.index_count()));
  fields.set("arrow_schema", bytes_array(table.arrow_schema()));
  return fields.build();
}

mxArray* decode_struct_array(const pb::StructArray& structs, bool exact, int depth) {
  const int64_t field_count = structs.fields_size();
  if (!are_fields(structs.fields())) throw wrong_value("The value is a struct array whose fields have names that MATLAB does not accept.");
  const std::vector<int64_t> lengths(structs.shape().begin(), structs.shape().end());
  const auto count = element_count(lengths);
  if (!count || static_cast<int64_t>(*count) * field_count != structs.values_size()) {
    throw wrong_value("The value is damaged: a struct array whose shape does not fit its values.");
  }
  if (field_count == 0 && *count > kMaxDepth * size_t{1024} * 1024) throw wrong_value("The value is damaged: its shape is too large.");
  std::vector<const char*> names;
  for (const std::string& name : structs.fields()) names.push_back(name.c_str());
  if (*count == 1 && mark_stand_in(structs.fields())) {
    StructBuilder fields = stand_in("map");
    fields.set("keys", names_row(structs.fields()));
    fields.set("values", row_of(structs.values(), exact, depth));
    return fields.build();
  }
  const Shape dims = matlab_shape(lengths);
  mxArray* array = mxCreateStructArray(static_cast<mwSize>(dims.size()), dims.data(), static_cast<int>(names.size()), names.data());
  int next = 0;
  for (size_t element = 0; element < *count; ++element) {
    for (int field = 0; field < static_cast<int>(field_count); ++field) {
      mxSetFieldByNumber(array, element, field, decode(structs.values(next++), exact, depth));
    }
  }
  return array;
}

mxArray* decode_cell_array(const pb::CellArray& message, bool exact, int depth) {
  const std::vector<int64_t> shape = shape_of_message(message.shape(), message.values_size());
  const Shape dims = matlab_shape(shape);
  mxArray* cells = mxCreateCellArray(static_cast<mwSize>(dims.size()), dims.data());
  if (message.column_major() || shape.size() < 2) {
    put_cells(cells, message.values(), exact, depth);
    return cells;
  }
  std::vector<uint32_t> order(static_cast<size_t>(message.values_size())), permuted(order.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  reorder(reinterpret_cast<const char*>(order.data()), reinterpret_cast<char*>(permuted.data()), shape, 4, true);
  for (size_t i = 0; i < permuted.size(); ++i) {
    mxSetCell(cells, i, decode(message.values(static_cast<int>(permuted[i])), exact, depth));
  }
  return cells;
}

struct Triplet {
  int64_t row, column;
  size_t element;
};

mxArray* decode_sparse(const pb::SparseMatrix& matrix) {
  // MATLAB's sparse matrices are of double, logical or complex double; other elements become double.
  const auto type = element_type(matrix.elements().dtype());
  const int stored = matrix.rows_size();
  const Error damaged = wrong_value("The value is damaged: a sparse matrix whose parts do not fit each other.");
  if (matrix.shape_size() != 2 || matrix.columns_size() != stored || !type || type->half ||
      matrix.elements().elements().size() != static_cast<size_t>(stored) * type->bytes || !element_count({matrix.shape(0)}) ||
      !element_count({matrix.shape(1)}) || matrix.shape(1) > kMostSparseColumns) {
    throw damaged;
  }
  std::vector<Triplet> triplets;
  for (int i = 0; i < stored; ++i) {
    triplets.push_back({matrix.rows(i), matrix.columns(i), static_cast<size_t>(i)});
    if (matrix.rows(i) < 0 || matrix.rows(i) >= matrix.shape(0) || matrix.columns(i) < 0 || matrix.columns(i) >= matrix.shape(1)) {
      throw damaged;
    }
  }
  std::stable_sort(triplets.begin(), triplets.end(), [](const Triplet& a, const Triplet& b) {
    return a.column != b.column ? a.column < b.column : a.row < b.row;
  });
  const auto rows = static_cast<mwSize>(matrix.shape(0)), columns = static_cast<mwSize>(matrix.shape(1));
  const auto room = static_cast<mwSize>(std::max(stored, 1));
  const bool logical = type->stored == mxLOGICAL_CLASS;
  mxArray* array = logical ? mxCreateSparseLogicalMatrix(rows, columns, room)
                           : mxCreateSparse(rows, columns, room, type->complex ? mxCOMPLEX : mxREAL);
  const mxClassID target = logical ? mxLOGICAL_CLASS : mxDOUBLE_CLASS;
  mxArray* elements = array_of_elements(matrix.elements().elements().data(), {stored}, *type, true, target);
  mwIndex* row_of_stored = mxGetIr(array);
  mwIndex* column_starts = mxGetJc(array);
  size_t last = 0;  // elements so far; those at one place are added up, as MATLAB's own `sparse` does
  for (size_t i = 0; i < triplets.size(); ++i) {
    const Triplet& at = triplets[i];
    if (i == 0 || at.row != triplets[i - 1].row || at.column != triplets[i - 1].column) {
      row_of_stored[last++] = static_cast<mwIndex>(at.row);
      ++column_starts[at.column + 1];
    }
    if (logical) {
      mxGetLogicals(array)[last - 1] |= mxGetLogicals(elements)[at.element];
    } else {
      mxGetPr(array)[last - 1] += mxGetPr(elements)[at.element];
      if (type->complex) mxGetPi(array)[last - 1] += mxGetPi(elements)[at.element];
    }
  }
  for (mwSize column = 0; column < columns; ++column) column_starts[column + 1] += column_starts[column];
  mxDestroyArray(elements);
  return array;
}

mxArray* decode(const Value& value, bool exact, int depth) {
  if (depth > kMaxDepth) throw wrong_value("The value is damaged: it is nested too deep.");
  switch (value.kind_case()) {
    case Value::kNull: return empty_double();
    case Value::kBoolean: return logical_array(value.boolean());
    case Value::kInteger: return decode_integer(value.integer(), exact);
    case Value::kBigInteger: return with_text("big_integer", value.big_integer());
    case Value::kFloat: return double_array(value.float_());
    case Value::kComplex: return decode_complex(value.complex());
    case Value::kText: return text_array(value.text());
    case Value::kBinary: {
      mxArray* bytes = bytes_array(value.binary());
      mxSetM(bytes, mxGetN(bytes));
      mxSetN(bytes, 1);
      if (!exact) return bytes;
      StructBuilder fields = stand_in("binary");
      fields.set("bytes", bytes);
      return fields.build();
    }
    case Value::kDecimal: return with_text("decimal", value.decimal());
    case Value::kDate: return with_number("date", "days", value.date());
    case Value::kTime: return with_number("time", "microseconds", value.time());
    case Value::kTimestamp: return decode_timestamp(value.timestamp());
    case Value::kDuration: return with_number("duration", "microseconds", value.duration());
    case Value::kUuid: return with_text("uuid", uuid_text(value.uuid()));
    case Value::kTensor: return decode_tensor(value.tensor(), exact);
    case Value::kList: return row_of(value.list().values(), exact, depth + 1);
    case Value::kTuple: return decode_sequence("tuple", value.tuple(), exact, depth + 1);
    case Value::kSet: return decode_sequence("set", value.set(), exact, depth + 1);
    case Value::kFrozenSet: return decode_sequence("frozen_set", value.frozen_set(), exact, depth + 1);
    case Value::kMap: return decode_map(value.map(), exact, depth + 1);
    case Value::kAnyMap: return decode_any_map(value.any_map(), exact, depth + 1);
    case Value::kTable: return decode_table(value.table(), exact, depth + 1);
    case Value::kStructArray: return decode_struct_array(value.struct_array(), exact, depth + 1);
    case Value::kCellArray: return decode_cell_array(value.cell_array(), exact, depth + 1);
    case Value::kSparseMatrix: return decode_sparse(value.sparse_matrix());
    case Value::KIND_NOT_SET: break;
  }
  throw wrong_value("The value is of a kind that this client does not know; update it.");
}

}  // namespace

mxArray* array_of(const Value& value, Exactness exactness) { return decode(value, exactness == Exactness::kStored, 0); }

}  // namespace levada
