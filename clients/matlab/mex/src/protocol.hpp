// The messages and methods of the protocol, from the descriptors that were compiled in.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>

namespace levada {

// A method of a service by its path: `/levada_api.v1.QueryService/CountRelation`.
// Throws INVALID_REQUEST if the method does not exist.
const google::protobuf::MethodDescriptor& find_method(const std::string& path);
// Returns whether a method touches no rows, from its option `quick`.
bool quick(const google::protobuf::MethodDescriptor& method);
// A message type by its full name.
const google::protobuf::Descriptor& find_message(const std::string& full_name);
// An empty message of a type of the protocol.
std::unique_ptr<google::protobuf::Message> new_message(const google::protobuf::Descriptor& type);

}  // namespace levada
