#include <cmath>
#include <cstring>
#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>
#include <unordered_map>

#include "array_type.hpp"
#include "columns.hpp"
#include "error.hpp"
#include "tensors.hpp"

namespace levada {
namespace {

void require(ArrowErrorCode code, const char* message) {
  if (code != NANOARROW_OK) throw wrong_value(std::string("The rows are not a valid Arrow stream: ") + message);
}

// A column: its type, and its values in as many chunks as there are batches.
struct Column {
  const ArrowSchema* schema;
  ArrowSchemaView type;
  std::vector<const ArrowArrayView*> chunks;
  size_t rows;

  Column child(int64_t index) const {
    Column column{schema->children[index], {}, {}, rows};
    for (const ArrowArrayView* chunk : chunks) column.chunks.push_back(chunk->children[index]);
    column.read_type();
    return column;
  }

  void read_type() {
    ArrowError error{};
    require(ArrowSchemaViewInit(&type, schema, &error), error.message);
  }

  std::string name() const { return schema->name == nullptr ? "" : schema->name; }

  std::string metadata(const char* key) const {
    ArrowStringView value = ArrowCharView("");
    if (schema->metadata != nullptr) ArrowMetadataGetValue(schema->metadata, ArrowCharView(key), &value);
    return std::string(value.data == nullptr ? "" : value.data, static_cast<size_t>(std::max<int64_t>(value.size_bytes, 0)));
  }

  // Calls `take(chunk, first row of the chunk)`.
  template <typename Take>
  void each_chunk(Take take) const {
    size_t first = 0;
    for (const ArrowArrayView* chunk : chunks) {
      take(*chunk, first);
      first += static_cast<size_t>(chunk->length);
    }
  }

  // Calls `take(chunk, index within it, row)` for each row that has a value.
  template <typename Take>
  void each_value(Take take) const {
    each_chunk([&](const ArrowArrayView& chunk, size_t first) {
      const bool any_null = chunk.buffer_views[0].data.data != nullptr;
      for (int64_t i = 0; i < chunk.length; ++i) {
        if (!any_null || !ArrowArrayViewIsNull(&chunk, i)) take(chunk, i, first + static_cast<size_t>(i));
      }
    });
  }
};

mxArray* column_vector(size_t rows, mxClassID id) { return numeric_array({static_cast<mwSize>(rows), 1}, id); }

// A logical column of the missing values; [] if none is missing.
mxArray* nulls_of(const Column& column) {
  mxArray* nulls = nullptr;
  column.each_chunk([&](const ArrowArrayView& chunk, size_t first) {
    if (chunk.storage_type != NANOARROW_TYPE_NA && ArrowArrayViewComputeNullCount(&chunk) == 0) return;
    if (nulls == nullptr) nulls = column_vector(column.rows, mxLOGICAL_CLASS);
    mxLogical* out = mxGetLogicals(nulls) + first;
    for (int64_t i = 0; i < chunk.length; ++i) out[i] = ArrowArrayViewIsNull(&chunk, i) != 0;
  });
  return nulls == nullptr ? numeric_array({0, 0}, mxDOUBLE_CLASS) : nulls;
}

const char* data_of(const ArrowArrayView& chunk, size_t element_bytes) {
  return static_cast<const char*>(chunk.buffer_views[1].data.data) + static_cast<size_t>(chunk.offset) * element_bytes;
}

const char* dtype_of_arrow(ArrowType type) {
  switch (type) {
    case NANOARROW_TYPE_INT8: return "int8";
    case NANOARROW_TYPE_UINT8: return "uint8";
    case NANOARROW_TYPE_INT16: return "int16";
    case NANOARROW_TYPE_UINT16: return "uint16";
    case NANOARROW_TYPE_INT32: return "int32";
    case NANOARROW_TYPE_UINT32: return "uint32";
    case NANOARROW_TYPE_INT64: return "int64";
    case NANOARROW_TYPE_UINT64: return "uint64";
    case NANOARROW_TYPE_HALF_FLOAT: return "float16";
    case NANOARROW_TYPE_FLOAT: return "float32";
    case NANOARROW_TYPE_DOUBLE: return "float64";
    default: return "";
  }
}

// The value under a null is NaN if the class has one.
mxArray* numbers_of(const Column& column, const ElementType& type, bool exact) {
  const mxClassID target = exact ? type.stored : type.rounded;
  mxArray* array = column_vector(column.rows, target);
  auto* out = static_cast<char*>(mxGetData(array));
  const size_t step = column.rows == 0 ? 0 : mxGetElementSize(array);
  column.each_chunk([&](const ArrowArrayView& chunk, size_t first) {
    if (chunk.length == 0) return;
    copy_elements(data_of(chunk, type.bytes), out + first * step, static_cast<size_t>(chunk.length), type, target);
    if (ArrowArrayViewComputeNullCount(&chunk) == 0) return;
    for (int64_t i = 0; i < chunk.length; ++i) {
      if (!ArrowArrayViewIsNull(&chunk, i)) continue;
      const size_t row = first + static_cast<size_t>(i);
      if (target == mxDOUBLE_CLASS) reinterpret_cast<double*>(out)[row] = NAN;
      if (target == mxSINGLE_CLASS) reinterpret_cast<float*>(out)[row] = NAN;
    }
  });
  return array;
}

mxArray* logicals_of(const Column& column) {
  mxArray* array = column_vector(column.rows, mxLOGICAL_CLASS);
  column.each_value([&](const ArrowArrayView& chunk, int64_t i, size_t row) {
    mxGetLogicals(array)[row] = ArrowArrayViewGetIntUnsafe(&chunk, i) != 0;
  });
  return array;
}

// Days, or microseconds from any unit that divides into them.
mxArray* counts_of(const Column& column) {
  int64_t factor = 1;
  if (column.type.type == NANOARROW_TYPE_TIMESTAMP || column.type.type == NANOARROW_TYPE_TIME32 ||
      column.type.type == NANOARROW_TYPE_TIME64 || column.type.type == NANOARROW_TYPE_DURATION) {
    switch (column.type.time_unit) {
      case NANOARROW_TIME_UNIT_SECOND: factor = 1'000'000; break;
      case NANOARROW_TIME_UNIT_MILLI: factor = 1'000; break;
      case NANOARROW_TIME_UNIT_MICRO: break;
      case NANOARROW_TIME_UNIT_NANO:
        throw Error("UNSUPPORTED", "The column `" + column.name() + "` counts nanoseconds, which this client does not read.");
    }
  }
  mxArray* array = column_vector(column.rows, mxINT64_CLASS);
  auto* out = static_cast<int64_t*>(mxGetData(array));
  column.each_value([&](const ArrowArrayView& chunk, int64_t i, size_t row) {
    out[row] = ArrowArrayViewGetIntUnsafe(&chunk, i) * factor;
  });
  return array;
}

std::string_view bytes_at(const ArrowArrayView& chunk, int64_t i) {
  const ArrowBufferView bytes = ArrowArrayViewGetBytesUnsafe(&chunk, i);
  return {static_cast<const char*>(bytes.data.data), static_cast<size_t>(bytes.size_bytes)};
}

std::vector<std::string_view> pieces_of_bytes(const Column& column) {
  std::vector<std::string_view> pieces(column.rows);
  column.each_value([&](const ArrowArrayView& chunk, int64_t i, size_t row) { pieces[row] = bytes_at(chunk, i); });
  return pieces;
}

// One flat row for all values, and the length of each: making an array per value would take most of the time.
void set_flat_text(StructBuilder& fields, const std::vector<std::string_view>& pieces) {
  mxArray* lengths = column_vector(pieces.size(), mxDOUBLE_CLASS);
  fields.set("values", flat_text_array(pieces, mxGetPr(lengths)));
  fields.set("lengths", lengths);
}

void set_flat_text(StructBuilder& fields, const std::vector<std::string>& texts) {
  set_flat_text(fields, std::vector<std::string_view>(texts.begin(), texts.end()));
}

void set_flat_bytes(StructBuilder& fields, const std::vector<std::string_view>& pieces) {
  mxArray* lengths = column_vector(pieces.size(), mxDOUBLE_CLASS);
  size_t total = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    mxGetPr(lengths)[i] = static_cast<double>(pieces[i].size());
    total += pieces[i].size();
  }
  mxArray* values = numeric_array({1, static_cast<mwSize>(total)}, mxUINT8_CLASS);
  auto* out = static_cast<char*>(mxGetData(values));
  for (std::string_view piece : pieces) {
    if (!piece.empty()) std::memcpy(out, piece.data(), piece.size());
    out += piece.size();
  }
  fields.set("values", values);
  fields.set("lengths", lengths);
}

std::vector<std::string> decimals_of(const Column& column) {
  std::vector<std::string> texts(column.rows);
  nanoarrow::UniqueBuffer digits;
  ArrowBufferInit(digits.get());
  column.each_value([&](const ArrowArrayView& chunk, int64_t i, size_t row) {
    ArrowDecimal decimal;
    ArrowDecimalInit(&decimal, column.type.decimal_bitwidth, column.type.decimal_precision, column.type.decimal_scale);
    ArrowArrayViewGetDecimalUnsafe(&chunk, i, &decimal);
    digits->size_bytes = 0;
    require(ArrowDecimalAppendStringToBuffer(&decimal, digits.get()), "a decimal cannot be read.");
    texts[row].assign(reinterpret_cast<const char*>(digits->data), static_cast<size_t>(digits->size_bytes));
  });
  return texts;
}

std::vector<std::string> uuids_of(const Column& column) {
  static const char digits[] = "0123456789abcdef";
  std::vector<std::string> texts(column.rows);
  column.each_value([&](const ArrowArrayView& chunk, int64_t i, size_t row) {
    const std::string_view octets = bytes_at(chunk, i);
    std::string& text = texts[row];
    for (size_t k = 0; k < octets.size(); ++k) {
      if (k == 4 || k == 6 || k == 8 || k == 10) text += '-';
      text += digits[static_cast<unsigned char>(octets[k]) >> 4];
      text += digits[octets[k] & 0xF];
    }
  });
  return texts;
}

// Codes from 1, 0 for a missing value, into the texts that occur in the dictionaries of all batches.
void set_dictionary(StructBuilder& fields, const Column& column) {
  std::vector<std::string> texts;
  std::unordered_map<std::string, double> code_of;
  mxArray* values = column_vector(column.rows, mxDOUBLE_CLASS);
  double* out = mxGetPr(values);
  column.each_chunk([&](const ArrowArrayView& chunk, size_t first) {
    if (chunk.dictionary == nullptr) throw wrong_value("The rows are not a valid Arrow stream: codes without a dictionary.");
    std::vector<double> codes(static_cast<size_t>(chunk.dictionary->length));
    for (int64_t i = 0; i < chunk.dictionary->length; ++i) {
      std::string text(bytes_at(*chunk.dictionary, i));
      const auto [at, added] = code_of.try_emplace(text, static_cast<double>(texts.size() + 1));
      if (added) texts.push_back(std::move(text));
      codes[static_cast<size_t>(i)] = at->second;
    }
    for (int64_t i = 0; i < chunk.length; ++i) {
      if (ArrowArrayViewIsNull(&chunk, i)) continue;
      const int64_t code = ArrowArrayViewGetIntUnsafe(&chunk, i);
      if (code < 0 || code >= chunk.dictionary->length) {
        throw wrong_value("The rows are not a valid Arrow stream: a code past the end of its dictionary.");
      }
      out[first + static_cast<size_t>(i)] = codes[static_cast<size_t>(code)];
    }
  });
  mxArray* dictionary = mxCreateCellMatrix(texts.size(), 1);
  for (size_t i = 0; i < texts.size(); ++i) mxSetCell(dictionary, i, text_array(texts[i]));
  fields.set("values", values);
  fields.set("dictionary", dictionary);
}

// One array for all rows, the row as the last index: each row's elements lie side by side.
mxArray* tensors_of(const Column& column, const ArrayType& array_type, bool exact) {
  const auto type = element_type(array_type.dtype);
  const auto count = element_count(array_type.shape);
  const ArrowSchema* element = column.schema->n_children == 1 ? column.schema->children[0] : nullptr;
  ArrowSchemaView element_view;
  if (!type || !count || column.type.type != NANOARROW_TYPE_FIXED_SIZE_LIST || element == nullptr ||
      ArrowSchemaViewInit(&element_view, element, nullptr) != NANOARROW_OK ||
      column.type.fixed_size != static_cast<int64_t>(*count) ||
      element_view.layout.element_size_bits[1] != static_cast<int64_t>(type->bytes * 8)) {
    throw Error("UNSUPPORTED", "The column `" + column.name() + "` holds arrays that this client does not read.");
  }
  Shape dims = matlab_shape(array_type.shape);
  if (array_type.shape.size() < 2) dims.resize(std::max<size_t>(array_type.shape.size(), 1));
  dims.push_back(static_cast<mwSize>(column.rows));
  const mxClassID target = exact ? type->stored : type->rounded;
  mxArray* array = numeric_array(dims, target, type->complex);
  const size_t row_bytes = *count * type->bytes;
  const size_t out_step = *count * (target == mxLOGICAL_CLASS ? 1 : mxGetElementSize(array));
  std::vector<char> reordered(row_bytes);
  column.each_value([&](const ArrowArrayView& chunk, int64_t i, size_t row) {
    const ArrowArrayView& elements = *chunk.children[0];
    const auto at = static_cast<size_t>(elements.offset + (chunk.offset + i) * column.type.fixed_size);
    const char* from = static_cast<const char*>(elements.buffer_views[1].data.data) + at * type->bytes;
    if (array_type.shape.size() > 1) {
      reorder(from, reordered.data(), array_type.shape, type->bytes, true);
      from = reordered.data();
    }
    copy_elements(from, static_cast<char*>(mxGetData(array)) + row * out_step, *count, *type, target);
    if (type->complex) {
      copy_elements(from + type->bytes / 2, static_cast<char*>(mxGetImagData(array)) + row * out_step, *count, *type, target);
    }
  });
  return array;
}

// One flat row of all elements, and how many each value has. Only lists of int64 come: the shapes of stored arrays.
void set_lists(StructBuilder& fields, const Column& column) {
  std::vector<int64_t> elements;
  mxArray* lengths = column_vector(column.rows, mxDOUBLE_CLASS);
  column.each_value([&](const ArrowArrayView& chunk, int64_t i, size_t row) {
    const int64_t begin = ArrowArrayViewListChildOffset(&chunk, chunk.offset + i);
    const int64_t end = ArrowArrayViewListChildOffset(&chunk, chunk.offset + i + 1);
    mxGetPr(lengths)[row] = static_cast<double>(end - begin);
    for (int64_t at = begin; at < end; ++at) elements.push_back(ArrowArrayViewGetIntUnsafe(chunk.children[0], at));
  });
  mxArray* values = numeric_array({1, static_cast<mwSize>(elements.size())}, mxINT64_CLASS);
  if (!elements.empty()) std::memcpy(mxGetData(values), elements.data(), elements.size() * sizeof(int64_t));
  fields.set("values", values);
  fields.set("lengths", lengths);
}

mxArray* column_structs(const Column& parent, bool exact);

// Sets `kind` and the fields of that kind; this is the only table of column types.
void set_content(StructBuilder& fields, const Column& column, bool exact) {
  const auto kind = [&](const char* name) { fields.set("kind", text_array(name)); };
  const auto unsupported = [&]() {
    const char* name = ArrowTypeString(column.type.type);
    return Error("UNSUPPORTED", "The column `" + column.name() + "` is of Arrow's type " + (name ? name : "?") + ", which this client does not read.");
  };
  if (const auto array_type = parse_array_type(column.metadata("levada.type"))) {
    kind("tensor");
    fields.set("values", tensors_of(column, *array_type, exact));
    return;
  }
  if (column.schema->dictionary != nullptr) {
    ArrowSchemaView words;
    require(ArrowSchemaViewInit(&words, column.schema->dictionary, nullptr), "a dictionary of an unknown type.");
    if (words.type != NANOARROW_TYPE_STRING) throw unsupported();
    kind("dictionary");
    set_dictionary(fields, column);
    return;
  }
  switch (column.type.type) {
    case NANOARROW_TYPE_NA: {
      kind("numeric");
      mxArray* values = column_vector(column.rows, mxDOUBLE_CLASS);
      std::fill_n(mxGetPr(values), column.rows, NAN);
      fields.set("values", values);
      return;
    }
    case NANOARROW_TYPE_BOOL:
      kind("logical");
      fields.set("values", logicals_of(column));
      return;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING:
      kind("text");
      set_flat_text(fields, pieces_of_bytes(column));
      return;
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY:
      kind("binary");
      set_flat_bytes(fields, pieces_of_bytes(column));
      return;
    case NANOARROW_TYPE_FIXED_SIZE_BINARY:
      if (column.type.fixed_size != 16) throw unsupported();
      kind("uuid");
      set_flat_text(fields, uuids_of(column));
      return;
    case NANOARROW_TYPE_DECIMAL128:
      kind("decimal");
      set_flat_text(fields, decimals_of(column));
      return;
    case NANOARROW_TYPE_DATE32:
      kind("date");
      fields.set("values", counts_of(column));
      return;
    case NANOARROW_TYPE_TIME32:
    case NANOARROW_TYPE_TIME64:
      kind("time");
      fields.set("values", counts_of(column));
      return;
    case NANOARROW_TYPE_TIMESTAMP:
      kind(column.type.timezone != nullptr && column.type.timezone[0] != '\0' ? "timestamptz" : "timestamp");
      fields.set("values", counts_of(column));
      return;
    case NANOARROW_TYPE_DURATION:
      kind("duration");
      fields.set("values", counts_of(column));
      return;
    case NANOARROW_TYPE_LIST:
      if (column.child(0).type.type != NANOARROW_TYPE_INT64) throw unsupported();
      kind("list");
      set_lists(fields, column);
      return;
    case NANOARROW_TYPE_STRUCT:
      kind("struct");
      fields.set("columns", column_structs(column, exact));
      return;
    default: {
      const auto type = element_type(dtype_of_arrow(column.type.type));
      if (!type) throw unsupported();
      kind("numeric");
      fields.set("values", numbers_of(column, *type, exact));
    }
  }
}

// A struct array of columns with the same fields; fields that a kind does not have are [].
mxArray* column_structs(const Column& parent, bool exact) {
  static const char* names[] = {"name", "type", "kind", "values", "lengths", "dictionary", "columns", "nulls"};
  const auto count = static_cast<mwSize>(parent.schema->n_children);
  mxArray* array = mxCreateStructMatrix(1, count, 8, names);
  for (mwSize i = 0; i < count; ++i) {
    const Column column = parent.child(static_cast<int64_t>(i));
    StructBuilder fields;
    fields.set("name", text_array(column.name()));
    fields.set("type", text_array(column.metadata("levada.type")));
    set_content(fields, column, exact);
    fields.set("nulls", nulls_of(column));
    fields.move_to(array, i);
    for (const char* name : {"values", "lengths", "dictionary", "columns"}) {
      if (mxGetField(array, i, name) == nullptr) mxSetField(array, i, name, numeric_array({0, 0}, mxDOUBLE_CLASS));
    }
  }
  return array;
}

mxArray* names_of(const std::string& list) {
  std::vector<std::string> names;
  for (size_t start = 0; !list.empty() && start <= list.size();) {
    const size_t end = std::min(list.find(',', start), list.size());
    names.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  mxArray* cells = cell_row(names.size());
  for (size_t i = 0; i < names.size(); ++i) mxSetCell(cells, i, text_array(names[i]));
  return cells;
}

void fill_buffer(const mxArray* pieces, ArrowBuffer* buffer) {
  if (pieces == nullptr || !mxIsCell(pieces)) throw invalid_request("The pieces of an Arrow stream are a cell of uint8.");
  for (size_t i = 0; i < mxGetNumberOfElements(pieces); ++i) {
    const mxArray* piece = mxGetCell(pieces, i);
    if (piece == nullptr || !mxIsUint8(piece)) throw invalid_request("The pieces of an Arrow stream are a cell of uint8.");
    const auto size = static_cast<int64_t>(mxGetNumberOfElements(piece));
    require(ArrowBufferAppend(buffer, mxGetData(piece), size), "there is not enough memory.");
  }
}

}  // namespace

mxArray* columns_of(const mxArray* pieces, Exactness exactness) {
  nanoarrow::UniqueBuffer buffer;
  ArrowBufferInit(buffer.get());
  fill_buffer(pieces, buffer.get());
  nanoarrow::ipc::UniqueInputStream input;
  require(ArrowIpcInputStreamInitBuffer(input.get(), buffer.get()), "there is not enough memory.");
  nanoarrow::UniqueArrayStream stream;
  require(ArrowIpcArrayStreamReaderInit(stream.get(), input.get(), nullptr), "there is not enough memory.");

  ArrowError error{};
  nanoarrow::UniqueSchema schema;
  require(ArrowArrayStreamGetSchema(stream.get(), schema.get(), &error), error.message);
  std::vector<nanoarrow::UniqueArray> batches;
  std::vector<nanoarrow::UniqueArrayView> views;
  Column rows{schema.get(), {}, {}, 0};
  rows.read_type();
  while (true) {
    nanoarrow::UniqueArray batch;
    require(ArrowArrayStreamGetNext(stream.get(), batch.get(), &error), error.message);
    if (batch->release == nullptr) break;
    nanoarrow::UniqueArrayView view;
    require(ArrowArrayViewInitFromSchema(view.get(), schema.get(), &error), error.message);
    require(ArrowArrayViewSetArray(view.get(), batch.get(), &error), error.message);
    rows.rows += static_cast<size_t>(batch->length);
    batches.push_back(std::move(batch));
    views.push_back(std::move(view));
  }
  for (const auto& view : views) rows.chunks.push_back(view.get());

  StructBuilder fields;
  fields.set("row_count", double_array(static_cast<double>(rows.rows)));
  fields.set("primary_key", names_of(rows.metadata("levada.primary_key")));
  fields.set("columns", column_structs(rows, exactness == Exactness::kStored));
  return fields.build();
}

}  // namespace levada
