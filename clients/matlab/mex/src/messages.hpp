// Messages of the protocol as structs, and back.
//
// A message is a scalar struct with the fields' names. Numbers, texts, enums and repeated fields are always there;
// messages, members of a oneof and `optional` fields only if they are set. A repeated message, text or bytes is a
// cell row; a repeated number a row vector; an enum the name of its value; int64 an int64, every other number a double;
// bytes a uint8 row. A field of type Value holds the value itself (values.hpp), and a google.rpc.Status the error that it
// stands for: message, identifier, reason, metadata.
#pragma once

#include <google/protobuf/message.h>
#include <mex.h>

#include <string>

#include "error.hpp"

namespace levada {

mxArray* struct_of(const google::protobuf::Message& message);
mxArray* struct_of_error(const Error& error);
// Fills an empty message. Also takes a struct array for a repeated message, any whole number for an int64, and [] for
// a field that is not set. Throws INVALID_REQUEST, which names the field.
void fill_message(const mxArray* array, google::protobuf::Message& message, const std::string& path);

}  // namespace levada
