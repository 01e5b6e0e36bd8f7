#include "messages.hpp"

#include <limits>
#include <vector>

#include "arrays.hpp"
#include "connection.hpp"
#include "values.hpp"

namespace levada {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

constexpr char kValue[] = "levada_api.v1.Value";
constexpr char kStatus[] = "google.rpc.Status";

bool holds_value(const Field& field) {
  return field.cpp_type() == Field::CPPTYPE_MESSAGE && field.message_type()->full_name() == kValue;
}

// The dynamic message and the compiled class of Value exchange bytes.
mxArray* native_of(const pb::Message& message) {
  levada_api::v1::Value value;
  if (!value.ParseFromString(message.SerializeAsString())) throw Error("INTERNAL", "A value is too deep to be read.");
  return array_of(value, Exactness::kDouble);
}

void fill_value(const mxArray* array, pb::Message& message, const std::string& path) {
  if (!message.ParseFromString(value_of(array, path).SerializeAsString())) {
    throw Error("INTERNAL", path + " was encoded and cannot be read again.");
  }
}

mxArray* message_array(const pb::Message& message, const Field& field) {
  if (holds_value(field)) return native_of(message);
  if (field.message_type()->full_name() == kStatus) return struct_of_error(error_of_status(message.SerializeAsString()));
  return struct_of(message);
}

std::string enum_name(const Field& field, int number) {
  const pb::EnumValueDescriptor* value = field.enum_type()->FindValueByNumber(number);
  return value != nullptr ? std::string(value->name()) : std::to_string(number);  // a newer server's
}

mxArray* text_or_bytes(const Field& field, const std::string& content) {
  return field.type() == Field::TYPE_BYTES ? bytes_array(content) : text_array(content);
}

mxArray* singular_array(const pb::Message& message, const Field& field) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::string scratch;
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32: return double_array(reflection.GetInt32(message, &field));
    case Field::CPPTYPE_UINT32: return double_array(reflection.GetUInt32(message, &field));
    case Field::CPPTYPE_INT64: return int64_array(reflection.GetInt64(message, &field));
    case Field::CPPTYPE_UINT64: return int64_array(static_cast<int64_t>(reflection.GetUInt64(message, &field)));
    case Field::CPPTYPE_DOUBLE: return double_array(reflection.GetDouble(message, &field));
    case Field::CPPTYPE_FLOAT: return double_array(reflection.GetFloat(message, &field));
    case Field::CPPTYPE_BOOL: return logical_array(reflection.GetBool(message, &field));
    case Field::CPPTYPE_ENUM: return text_array(enum_name(field, reflection.GetEnumValue(message, &field)));
    case Field::CPPTYPE_STRING: return text_or_bytes(field, reflection.GetStringReference(message, &field, &scratch));
    case Field::CPPTYPE_MESSAGE: return message_array(reflection.GetMessage(message, &field), field);
  }
  throw Error("INTERNAL", "A field has an unknown type.");
}

template <typename T, typename Get>
mxArray* numeric_row(int count, mxClassID id, Get get) {
  mxArray* array = numeric_array({1, static_cast<mwSize>(count)}, id);
  auto* out = static_cast<T*>(mxGetData(array));
  for (int i = 0; i < count; ++i) out[i] = static_cast<T>(get(i));
  return array;
}

template <typename Get>
mxArray* cells(int count, Get get) {
  mxArray* array = cell_row(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) mxSetCell(array, static_cast<mwIndex>(i), get(i));
  return array;
}


mxArray* repeated_array(const pb::Message& message, const Field& field) {
  const pb::Reflection& r = *message.GetReflection();
  const int count = r.FieldSize(message, &field);
  std::string scratch;
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return numeric_row<double>(count, mxDOUBLE_CLASS, [&](int i) { return r.GetRepeatedInt32(message, &field, i); });
    case Field::CPPTYPE_UINT32:
      return numeric_row<double>(count, mxDOUBLE_CLASS, [&](int i) { return r.GetRepeatedUInt32(message, &field, i); });
    case Field::CPPTYPE_INT64:
      return numeric_row<int64_t>(count, mxINT64_CLASS, [&](int i) { return r.GetRepeatedInt64(message, &field, i); });
    case Field::CPPTYPE_UINT64:
      return numeric_row<int64_t>(count, mxINT64_CLASS, [&](int i) { return r.GetRepeatedUInt64(message, &field, i); });
    case Field::CPPTYPE_DOUBLE:
      return numeric_row<double>(count, mxDOUBLE_CLASS, [&](int i) { return r.GetRepeatedDouble(message, &field, i); });
    case Field::CPPTYPE_FLOAT:
      return numeric_row<double>(count, mxDOUBLE_CLASS, [&](int i) { return r.GetRepeatedFloat(message, &field, i); });
    case Field::CPPTYPE_BOOL:
      return numeric_row<mxLogical>(count, mxLOGICAL_CLASS, [&](int i) { return r.GetRepeatedBool(message, &field, i); });
    case Field::CPPTYPE_ENUM:
      return cells(count, [&](int i) { return text_array(enum_name(field, r.GetRepeatedEnumValue(message, &field, i))); });
    case Field::CPPTYPE_STRING:
      return cells(count, [&](int i) {
        return text_or_bytes(field, r.GetRepeatedStringReference(message, &field, i, &scratch));
      });
    case Field::CPPTYPE_MESSAGE:
      return cells(count, [&](int i) { return message_array(r.GetRepeatedMessage(message, &field, i), field); });
  }
  throw Error("INTERNAL", "A field has an unknown type.");
}

// ------------------------------------------------------------------------------------------- structs to messages

int32_t int32_at(const mxArray* array, size_t index, const std::string& path) {
  const int64_t value = whole_number_at(array, index, path);
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    throw invalid_request(path + " is past the range of int32.");
  }
  return static_cast<int32_t>(value);
}

uint64_t unsigned_at(const mxArray* array, size_t index, uint64_t limit, const std::string& path) {
  const int64_t value = whole_number_at(array, index, path);
  if (value < 0 || static_cast<uint64_t>(value) > limit) throw invalid_request(path + " is out of its range.");
  return static_cast<uint64_t>(value);
}

int enum_number(const Field& field, const mxArray* array, const std::string& path) {
  const std::string name = text_of(array, path);
  const pb::EnumValueDescriptor* value = field.enum_type()->FindValueByName(name);
  if (value == nullptr) throw invalid_request(path + ": `" + name + "` is not a value of " + std::string(field.enum_type()->name()) + ".");
  return value->number();
}

std::string content_of(const Field& field, const mxArray* array, const std::string& path) {
  return field.type() == Field::TYPE_BYTES ? bytes_of(array, path) : text_of(array, path);
}

void fill_sub_message(const Field& field, const mxArray* array, pb::Message& message, const std::string& path) {
  if (holds_value(field)) {
    fill_value(array, message, path);
  } else {
    fill_message(array, message, path);
  }
}

void require_numbers(const mxArray* array, const std::string& path, bool one) {
  if (!is_number(array) || (one && mxGetNumberOfElements(array) != 1)) {
    throw invalid_request(path + " is " + (one ? "one number" : "numbers") + ", not " + described(array) + ".");
  }
}

bool numeric(const Field& field) {
  const Field::CppType type = field.cpp_type();
  return type != Field::CPPTYPE_ENUM && type != Field::CPPTYPE_STRING && type != Field::CPPTYPE_MESSAGE;
}

void set_singular(const Field& field, const mxArray* array, pb::Message& message, const std::string& path) {
  const pb::Reflection& r = *message.GetReflection();
  if (numeric(field)) require_numbers(array, path, true);
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32: return r.SetInt32(&message, &field, int32_at(array, 0, path));
    case Field::CPPTYPE_UINT32:
      return r.SetUInt32(&message, &field, static_cast<uint32_t>(unsigned_at(array, 0, UINT32_MAX, path)));
    case Field::CPPTYPE_INT64: return r.SetInt64(&message, &field, whole_number_at(array, 0, path));
    case Field::CPPTYPE_UINT64: return r.SetUInt64(&message, &field, unsigned_at(array, 0, INT64_MAX, path));
    case Field::CPPTYPE_DOUBLE: return r.SetDouble(&message, &field, number_at(array, 0));
    case Field::CPPTYPE_FLOAT: return r.SetFloat(&message, &field, static_cast<float>(number_at(array, 0)));
    case Field::CPPTYPE_BOOL: return r.SetBool(&message, &field, number_at(array, 0) != 0);
    case Field::CPPTYPE_ENUM: return r.SetEnumValue(&message, &field, enum_number(field, array, path));
    case Field::CPPTYPE_STRING: return r.SetString(&message, &field, content_of(field, array, path));
    case Field::CPPTYPE_MESSAGE: return fill_sub_message(field, array, *r.MutableMessage(&message, &field), path);
  }
}

void add_number(const Field& field, const mxArray* array, size_t i, pb::Message& message, const std::string& path) {
  const pb::Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32: return r.AddInt32(&message, &field, int32_at(array, i, path));
    case Field::CPPTYPE_UINT32:
      return r.AddUInt32(&message, &field, static_cast<uint32_t>(unsigned_at(array, i, UINT32_MAX, path)));
    case Field::CPPTYPE_INT64: return r.AddInt64(&message, &field, whole_number_at(array, i, path));
    case Field::CPPTYPE_UINT64: return r.AddUInt64(&message, &field, unsigned_at(array, i, INT64_MAX, path));
    case Field::CPPTYPE_DOUBLE: return r.AddDouble(&message, &field, number_at(array, i));
    case Field::CPPTYPE_FLOAT: return r.AddFloat(&message, &field, static_cast<float>(number_at(array, i)));
    default: return r.AddBool(&message, &field, number_at(array, i) != 0);
  }
}

void add_element(const Field& field, const mxArray* array, pb::Message& message, const std::string& path) {
  const pb::Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_ENUM: return r.AddEnumValue(&message, &field, enum_number(field, array, path));
    case Field::CPPTYPE_STRING: return r.AddString(&message, &field, content_of(field, array, path));
    default: return fill_sub_message(field, array, *r.AddMessage(&message, &field), path);
  }
}

void fill_fields(const mxArray* array, size_t index, pb::Message& message, const std::string& path);

void add_repeated(const Field& field, const mxArray* array, pb::Message& message, const std::string& path) {
  const size_t count = mxGetNumberOfElements(array);
  if (numeric(field)) {
    require_numbers(array, path, false);
    for (size_t i = 0; i < count; ++i) add_number(field, array, i, message, path);
  } else if (mxIsCell(array)) {
    for (size_t i = 0; i < count; ++i) {
      const std::string element = path + "{" + std::to_string(i + 1) + "}";
      const mxArray* cell = mxGetCell(array, i);
      if (cell == nullptr) throw invalid_request(element + " is empty.");
      add_element(field, cell, message, element);
    }
  } else if (mxIsStruct(array) && field.cpp_type() == Field::CPPTYPE_MESSAGE && !holds_value(field)) {
    for (size_t i = 0; i < count; ++i) {
      pb::Message& element = *message.GetReflection()->AddMessage(&message, &field);
      fill_fields(array, i, element, path + "(" + std::to_string(i + 1) + ")");
    }
  } else {
    throw invalid_request(path + " is a cell row, not " + described(array) + ".");
  }
}

void fill_fields(const mxArray* array, size_t index, pb::Message& message, const std::string& path) {
  const pb::Descriptor& type = *message.GetDescriptor();
  for (int number = 0; number < mxGetNumberOfFields(array); ++number) {
    const char* name = mxGetFieldNameByNumber(array, number);
    const mxArray* value = mxGetFieldByNumber(array, index, number);
    const Field* field = type.FindFieldByName(name);
    if (field == nullptr) throw invalid_request(path + ": " + std::string(type.name()) + " has no field `" + name + "`.");
    const std::string inner = path + "." + name;
    if (value == nullptr || (is_unset(value) && !holds_value(*field))) continue;
    if (const pb::OneofDescriptor* group = field->real_containing_oneof()) {
      if (message.GetReflection()->HasOneof(message, group)) {
        throw invalid_request(inner + ": more than one of `" + std::string(group->name()) + "` is set in " + std::string(type.name()) + ".");
      }
    }
    if (field->is_repeated()) {
      add_repeated(*field, value, message, inner);
    } else {
      set_singular(*field, value, message, inner);
    }
  }
}

}  // namespace

mxArray* struct_of(const pb::Message& message) {
  const pb::Descriptor& type = *message.GetDescriptor();
  StructBuilder fields;
  for (int i = 0; i < type.field_count(); ++i) {
    const Field& field = *type.field(i);
    if (field.is_repeated()) {
      fields.set(std::string(field.name()), repeated_array(message, field));
    } else if (!field.has_presence() || message.GetReflection()->HasField(message, &field)) {
      fields.set(std::string(field.name()), singular_array(message, field));
    }
  }
  return fields.build();
}

mxArray* struct_of_error(const Error& error) {
  StructBuilder metadata;
  for (const auto& [name, value] : error.details()) metadata.set(name.c_str(), text_array(value));
  StructBuilder fields;
  fields.set("message", text_array(error.what()));
  fields.set("identifier", text_array(error.identifier()));
  fields.set("reason", text_array(error.reason()));
  fields.set("metadata", metadata.build());
  fields.set("call_id", text_array(error.call_id()));
  return fields.build();
}

void fill_message(const mxArray* array, pb::Message& message, const std::string& path) {
  if (array == nullptr || !mxIsStruct(array) || mxGetNumberOfElements(array) != 1) {
    throw invalid_request(path + " is a scalar struct (" + std::string(message.GetDescriptor()->name()) + "), not " +
                          described(array) + ".");
  }
  fill_fields(array, 0, message, path);
}

}  // namespace levada
