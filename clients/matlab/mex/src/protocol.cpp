#include "protocol.hpp"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/unknown_field_set.h>

#include <cstddef>

#include "error.hpp"

namespace levada {

// A serialized FileDescriptorSet; build.py writes it.
extern const unsigned char kDescriptors[];
extern const size_t kDescriptorsSize;

namespace {

namespace pb = google::protobuf;

struct Protocol {
  pb::DescriptorPool pool;
  pb::DynamicMessageFactory factory{&pool};

  Protocol() {
    pb::FileDescriptorSet files;
    if (!files.ParseFromArray(kDescriptors, static_cast<int>(kDescriptorsSize))) {
      throw Error("INTERNAL", "The descriptors that were compiled into the gateway are damaged; build it again.");
    }
    for (const pb::FileDescriptorProto& file : files.file()) {
      if (pool.BuildFile(file) == nullptr) {
        throw Error("INTERNAL", "The gateway's protobuf library does not accept " + std::string(file.name()) + ".");
      }
    }
  }
};

Protocol& protocol() {
  static Protocol& loaded = *new Protocol;  // never destroyed: gRPC's threads may still use it at exit
  return loaded;
}

}  // namespace

const pb::MethodDescriptor& find_method(const std::string& path) {
  const size_t slash = path.find('/', 1);
  if (!path.empty() && path[0] == '/' && slash != std::string::npos) {
    const std::string name = path.substr(1, slash - 1) + "." + path.substr(slash + 1);
    if (const pb::MethodDescriptor* method = protocol().pool.FindMethodByName(name)) return *method;
  }
  throw invalid_request("`" + path + "` is not a method of the protocol.");
}

// The option is an extension, which the compiled class of options keeps among its unknown fields.
bool quick(const pb::MethodDescriptor& method) {
  static const pb::FieldDescriptor* const option = protocol().pool.FindExtensionByName("levada_api.v1.quick");
  if (option == nullptr) throw Error("INTERNAL", "The protocol has no option `quick`; build the gateway again.");
  const pb::UnknownFieldSet& fields = method.options().GetReflection()->GetUnknownFields(method.options());
  for (int i = 0; i < fields.field_count(); ++i) {
    const pb::UnknownField& field = fields.field(i);
    if (field.number() == option->number() && field.type() == pb::UnknownField::TYPE_VARINT) return field.varint() != 0;
  }
  return false;
}

const pb::Descriptor& find_message(const std::string& full_name) {
  const pb::Descriptor* type = protocol().pool.FindMessageTypeByName(full_name);
  if (type == nullptr) throw invalid_request("`" + full_name + "` is not a message of the protocol.");
  return *type;
}

std::unique_ptr<pb::Message> new_message(const pb::Descriptor& type) {
  return std::unique_ptr<pb::Message>(protocol().factory.GetPrototype(&type)->New());
}

}  // namespace levada
