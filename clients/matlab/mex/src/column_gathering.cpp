// The values of one attribute, a cell of anything that users write, as a column to send.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "array_type.hpp"
#include "columns.hpp"
#include "error.hpp"
#include "tensors.hpp"

namespace levada {
namespace {

constexpr double kExactDouble = 9007199254740992.0;  // 2^53: doubles hold every whole number up to it

// The attribute, and how its values are named in errors.
struct Attribute {
  std::string name;
  std::string type;
  std::string kind;
  bool nullable;
  std::string place;  // the table whose rows they are; empty for one value by itself

  std::string where(size_t row) const {
    const std::string named = "attribute `" + name + "`";
    return place.empty() ? named : "`" + place + "`, row " + std::to_string(row) + ", " + named;
  }

  Error unfit(size_t row, const mxArray* value) const {
    return wrong_value(where(row) + ": " + described(value) + " is not a value of " + type + ".");
  }
};

bool is_empty(const mxArray* value) { return value == nullptr || mxGetNumberOfElements(value) == 0; }

// A number, also of a sparse matrix, which has one element.
bool is_scalar_number(const mxArray* value) {
  return (mxIsNumeric(value) || mxIsLogical(value)) && !mxIsComplex(value) && mxGetNumberOfElements(value) == 1;
}

bool is_text(const mxArray* value) { return mxIsChar(value) && (mxGetNumberOfElements(value) == 0 || mxGetM(value) == 1); }

double number_of(const mxArray* value) {
  if (!mxIsSparse(value)) return number_at(value, 0);
  if (mxGetJc(value)[1] == 0) return 0;
  return mxIsLogical(value) ? mxGetLogicals(value)[0] : mxGetPr(value)[0];
}

bool is_integer(const mxArray* value) {
  return mxIsNumeric(value) && !mxIsDouble(value) && !mxIsSingle(value);
}

bool is_nan(const mxArray* value) {
  return (mxIsDouble(value) || mxIsSingle(value)) && is_scalar_number(value) && std::isnan(number_of(value));
}

template <typename Number>
std::string shortest(Number value, int least, int most) {
  char text[40];
  for (int digits = least; digits <= most; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
    if (static_cast<Number>(std::strtod(text, nullptr)) == value) break;
  }
  return text;
}

int64_t whole_number_of(const mxArray* value) {
  return mxIsSparse(value) ? static_cast<int64_t>(number_of(value)) : whole_number_at(value, 0, "a number");
}

// A number as its user writes it: a double without a fraction has no point, a single as few digits as distinguish it.
std::string number_text(const mxArray* value) {
  if (mxIsInt64(value)) return std::to_string(*static_cast<const int64_t*>(mxGetData(value)));
  if (mxIsUint64(value)) return std::to_string(*static_cast<const uint64_t*>(mxGetData(value)));
  const double number = number_of(value);
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Inf" : "-Inf";
  if (number == std::floor(number) && std::fabs(number) <= kExactDouble) {
    return std::to_string(static_cast<int64_t>(number));
  }
  return mxIsSingle(value) ? shortest(static_cast<float>(number), 6, 9) : shortest(number, 15, 17);
}

// What the values of a column have in common.
struct Census {
  bool any_text = false;
  bool all_text = true;
  bool all_logical = true;
  bool all_integer = true;  // of integer classes, or logical
  bool exact_as_double = true;
  bool exact_as_int64 = true;  // those of integer classes

  void count(const mxArray* value) {
    if (mxIsChar(value)) {
      any_text = true;
      return;
    }
    all_text = false;
    const bool logical = mxIsLogical(value);
    all_logical = all_logical && logical;
    all_integer = all_integer && (logical || is_integer(value));
    if (mxIsInt64(value)) {
      const int64_t number = *static_cast<const int64_t*>(mxGetData(value));
      if (number > static_cast<int64_t>(kExactDouble) || number < -static_cast<int64_t>(kExactDouble)) exact_as_double = false;
    } else if (mxIsUint64(value)) {
      const uint64_t number = *static_cast<const uint64_t*>(mxGetData(value));
      if (number > static_cast<uint64_t>(kExactDouble)) exact_as_double = false;
      if (number > static_cast<uint64_t>(INT64_MAX)) exact_as_int64 = false;
    }
  }
};

class Gathering {
 public:
  Gathering(const mxArray* values, Attribute attribute, bool exact)
      : values_(values), attribute_(std::move(attribute)), exact_(exact), rows_(mxGetNumberOfElements(values)) {}

  // A logical column that marks the values that M code has to read first; null if there is none.
  mxArray* objects() const {
    mxArray* marks = nullptr;
    if (attribute_.kind == "blob") return marks;  // M code reads them one by one
    for (size_t row = 0; row < rows_; ++row) {
      if (at(row) == nullptr || !is_object(at(row))) continue;
      if (marks == nullptr) marks = numeric_array({static_cast<mwSize>(rows_), 1}, mxLOGICAL_CLASS);
      mxGetLogicals(marks)[row] = true;
    }
    return marks;
  }

  mxArray* column() {
    find_nulls();
    StructBuilder fields;
    if (attribute_.kind == "blob" || attribute_.kind == "bytes") {
      set(fields, "binary", binaries());
    } else if (attribute_.kind == "array") {
      set(fields, "tensor", arrays());
    } else {
      set_scalars(fields);
    }
    fields.set("name", text_array(attribute_.name));
    fields.set("type", text_array(attribute_.type));
    fields.set("nulls", any_null_ ? marks_of_nulls() : numeric_array({0, 0}, mxDOUBLE_CLASS));
    return fields.build();
  }

 private:
  const mxArray* at(size_t row) const { return mxGetCell(values_, row); }

  static void set(StructBuilder& fields, const char* kind, mxArray* values) {
    fields.set("kind", text_array(kind));
    fields.set("values", values);
  }

  void find_nulls() {
    const std::string& kind = attribute_.kind;
    const bool stored_whole = kind == "blob" || kind == "bytes";  // every empty value but [] is a value
    const bool floating = kind == "float32" || kind == "float64";
    const bool nan_is_null = floating ? attribute_.nullable && !exact_ : kind != "array" && kind != "json" && kind != "blob";
    nulls_.assign(rows_, false);
    if (kind == "blob" && !attribute_.nullable) return;  // an attribute that cannot be NULL holds an empty array
    for (size_t row = 0; row < rows_; ++row) {
      const mxArray* value = at(row);
      const bool null = value == nullptr ||
                        (stored_whole ? is_unset(value) : is_empty(value) && !mxIsChar(value) && !mxIsStruct(value)) ||
                        (nan_is_null && is_nan(value));
      nulls_[row] = null;
      any_null_ = any_null_ || null;
    }
  }

  mxArray* marks_of_nulls() const {
    mxArray* marks = numeric_array({static_cast<mwSize>(rows_), 1}, mxLOGICAL_CLASS);
    for (size_t row = 0; row < rows_; ++row) mxGetLogicals(marks)[row] = nulls_[row];
    return marks;
  }

  mxArray* binaries() const {
    mxArray* cells = mxCreateCellMatrix(rows_, 1);
    for (size_t row = 0; row < rows_; ++row) {
      const mxArray* value = at(row);
      std::string bytes;
      if (nulls_[row]) {
      } else if (attribute_.kind == "blob") {
        bytes = blob_of(value, attribute_.where(row));
      } else if (mxIsUint8(value) || mxIsInt8(value) || mxIsChar(value)) {
        bytes = bytes_of(value, attribute_.where(row));
      } else {
        throw attribute_.unfit(row, value);
      }
      mxSetCell(cells, row, bytes_array(bytes));
    }
    return cells;
  }

  // The arrays as they are: each is cast to the attribute's type by itself when it is written, so that none is rounded
  // to the class of another.
  mxArray* arrays() const {
    const auto type = parse_array_type(attribute_.type);
    if (!type) throw invalid_request("`" + attribute_.type + "` is not a type of an array.");
    mxArray* cells = mxCreateCellMatrix(rows_, 1);
    for (size_t row = 0; row < rows_; ++row) {
      if (nulls_[row]) continue;
      const mxArray* value = at(row);
      if (!(mxIsNumeric(value) || mxIsLogical(value)) || !has_shape(value, type->shape)) {
        throw attribute_.unfit(row, value);
      }
      mxSetCell(cells, row, mxIsSparse(value) ? full(value) : mxDuplicateArray(value));
    }
    return cells;
  }

  static mxArray* full(const mxArray* sparse) {
    mxArray* argument = const_cast<mxArray*>(sparse);  // the declaration lacks a const
    mxArray* result = nullptr;
    if (mexCallMATLABWithTrap(1, &result, 1, &argument, "full") != nullptr || result == nullptr) throw std::bad_alloc();
    return result;
  }

  // Whether an array has the lengths of a type; for one dimension, a row will do.
  static bool has_shape(const mxArray* value, const std::vector<int64_t>& shape) {
    Shape given = shape_of(value);
    if (shape.size() == 1 && given.size() == 2 && (given[0] == 1 || given[1] == 1)) {
      return mxGetNumberOfElements(value) == static_cast<size_t>(shape[0]);
    }
    Shape wanted(shape.begin(), shape.end());
    while (given.size() < wanted.size()) given.push_back(1);
    while (wanted.size() < given.size()) wanted.push_back(1);
    return given == wanted;
  }

  // Numbers are sent as numbers if all values are numbers, else as text, which the server reads. A text attribute gets
  // text: there, nobody but this client knows how MATLAB writes a number.
  void set_scalars(StructBuilder& fields) {
    const std::string& kind = attribute_.kind;
    const bool text = kind == "char" || kind == "varchar" || kind == "text" || kind == "enum" || kind == "json";
    Census census;
    bool any = false;
    for (size_t row = 0; row < rows_; ++row) {
      if (nulls_[row]) continue;
      const mxArray* value = at(row);
      if (!is_text(value) && !is_scalar_number(value)) throw attribute_.unfit(row, value);
      if (text && mxIsLogical(value)) {
        throw wrong_value(attribute_.where(row) + ": a logical is not text; write 'true', 'false', '1' or '0'.");
      }
      census.count(value);
      any = true;
    }
    all_text_ = !any_null_ && census.all_text;
    if (text || census.any_text) {
      set(fields, "text", texts());
    } else if (any && census.all_logical) {
      set(fields, "logical", numbers<mxLogical>(mxLOGICAL_CLASS, [](const mxArray* v) { return number_of(v) != 0; }));
    } else if (any && census.all_integer && census.exact_as_int64) {
      set(fields, "int64", numbers<int64_t>(mxINT64_CLASS, whole_number_of));
    } else if (census.exact_as_double) {
      set(fields, "double", numbers<double>(mxDOUBLE_CLASS, number_of));
    } else {
      set(fields, "text", texts());  // neither class holds them all
    }
  }

  mxArray* texts() const {
    if (all_text_ && mxGetN(values_) == 1) return mxDuplicateArray(values_);
    mxArray* cells = mxCreateCellMatrix(rows_, 1);
    for (size_t row = 0; row < rows_; ++row) {
      if (nulls_[row]) {
        mxSetCell(cells, row, text_array(""));
      } else {
        mxSetCell(cells, row, mxIsChar(at(row)) ? mxDuplicateArray(at(row)) : text_array(number_text(at(row))));
      }
    }
    return cells;
  }

  template <typename Number, typename Read>
  mxArray* numbers(mxClassID id, Read read) const {
    mxArray* array = numeric_array({static_cast<mwSize>(rows_), 1}, id);
    auto* out = static_cast<Number*>(mxGetData(array));
    for (size_t row = 0; row < rows_; ++row) {
      if (!nulls_[row]) out[row] = static_cast<Number>(read(at(row)));
    }
    return array;
  }

  const mxArray* values_;
  Attribute attribute_;
  bool exact_;
  size_t rows_;
  std::vector<bool> nulls_;
  bool any_null_ = false;
  bool all_text_ = false;
};

std::string text_field(const mxArray* fields, const char* name) {
  return text_of(mxGetField(fields, 0, name), std::string("The attribute's ") + name);
}

}  // namespace

std::pair<mxArray*, mxArray*> gathered_column(const mxArray* values, const mxArray* attribute, const std::string& kind,
                                              const std::string& place, bool exact, bool may_convert) {
  if (values == nullptr || !mxIsCell(values)) throw invalid_request("The values of an attribute are a cell.");
  if (attribute == nullptr || !mxIsStruct(attribute)) throw invalid_request("An attribute is a struct.");
  const mxArray* nullable = mxGetField(attribute, 0, "nullable");
  Gathering gathering(values,
                      {text_field(attribute, "name"), text_field(attribute, "type"), kind,
                       nullable != nullptr && number_at(nullable, 0) != 0, place},
                      exact);
  mxArray* objects = may_convert ? gathering.objects() : nullptr;
  const auto nothing = [] { return numeric_array({0, 0}, mxDOUBLE_CLASS); };
  if (objects != nullptr) return {nothing(), objects};
  return {gathering.column(), nothing()};
}

}  // namespace levada
