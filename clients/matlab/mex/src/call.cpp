#include "call.hpp"

#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include "protocol.hpp"

namespace levada {
namespace {

namespace pb = google::protobuf;

// The most responses that wait here, besides the one on its way; the rest waits at the server.
constexpr size_t kQueuedMessages = 4;

enum Tag : intptr_t { kRead = 1, kWrite, kFinish };

void* tag(Tag value) { return reinterpret_cast<void*>(value); }

constexpr int kBlockBytes = 1 << 20;  // size of the pieces of memory that a request is written into

grpc::ByteBuffer serialized(const pb::Message& message) {
  const size_t size = message.ByteSizeLong();
  grpc::ByteBuffer buffer;
  if (size == 0) return grpc::ByteBuffer(nullptr, 0);
  if (size > INT32_MAX) throw Error("LIMIT_REACHED", "A request is larger than 2 GB.");
  grpc::ProtoBufferWriter writer(&buffer, kBlockBytes, static_cast<int>(size));
  if (!message.SerializeToZeroCopyStream(&writer)) throw Error("INTERNAL", "A request cannot be serialized.");
  return buffer;
}

}  // namespace

Call::Call(std::shared_ptr<Connection> connection, const pb::MethodDescriptor& method,
           std::optional<Clock::time_point> deadline)
    : connection_(std::move(connection)), method_(method), stub_(connection_->channel()) {
  connection_->prepare(context_);
  if (deadline) context_.set_deadline(*deadline);
  // The headers go with the first request: that takes one packet, and no separate event.
  context_.set_initial_metadata_corked(true);
  stream_ = stub_.PrepareCall(&context_, "/" + std::string(method.service()->full_name()) + "/" + std::string(method.name()), &queue_);
  stream_->StartCall(nullptr);
}

Call::~Call() {
  if (!done_) context_.TryCancel();
  queue_.Shutdown();
  void* ignored = nullptr;
  bool ok = false;
  while (queue_.Next(&ignored, &ok)) {
  }
}

bool Call::send(const pb::Message& request, bool last, Clock::duration timeout) {
  const Clock::time_point until = Clock::now() + timeout;
  while (writing_ && !done_) {
    if (!drive(until)) return false;
  }
  if (done_ || send_closed_) return true;
  writing_ = true;
  send_closed_ = last;
  if (last) {
    stream_->WriteLast(serialized(request), grpc::WriteOptions(), tag(kWrite));
  } else {
    stream_->Write(serialized(request), tag(kWrite));
  }
  read();
  return true;
}

bool Call::close_send(Clock::duration timeout) {
  const Clock::time_point until = Clock::now() + timeout;
  while (writing_ && !done_) {
    if (!drive(until)) return false;
  }
  if (done_ || send_closed_) return true;
  writing_ = true;
  send_closed_ = true;
  stream_->WritesDone(tag(kWrite));
  read();
  return true;
}

void Call::read() {
  if (reading_ || read_all_ || messages_.size() >= kQueuedMessages) return;
  reading_ = true;
  stream_->Read(&incoming_, tag(kRead));
}

// Waits for one event and handles it. Returns false if none came in time.
bool Call::drive(Clock::time_point until) {
  void* what = nullptr;
  bool ok = false;
  if (queue_.AsyncNext(&what, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return false;
  switch (static_cast<Tag>(reinterpret_cast<intptr_t>(what))) {
    case kRead:
      reading_ = false;
      if (ok) {
        messages_.push_back(std::move(incoming_));
        incoming_.Clear();
        read();
      } else {
        read_all_ = true;
        stream_->Finish(&status_, tag(kFinish));
      }
      break;
    case kWrite:
      writing_ = false;  // the end of the responses follows a failed one
      break;
    case kFinish:
      done_ = true;
      connection_->take_trailer(context_, status_);
      break;
  }
  return true;
}

Call::State Call::poll(Clock::duration timeout) {
  const Clock::time_point until = Clock::now() + timeout;
  const bool streams = method_.server_streaming();
  read();
  while (true) {
    if (streams && !messages_.empty()) return State::kMessage;
    if (done_) return State::kDone;
    if (!drive(until)) return State::kPending;
  }
}

std::unique_ptr<pb::Message> Call::take_message() {
  if (messages_.empty()) return nullptr;
  grpc::ByteBuffer buffer = std::move(messages_.front());
  messages_.pop_front();
  auto message = new_message(*method_.output_type());
  grpc::ProtoBufferReader reader(&buffer);
  if (!message->ParseFromZeroCopyStream(&reader)) {
    throw Error("INTERNAL", "A response of " + std::string(method_.name()) + " cannot be read.");
  }
  if (!done_) read();
  return message;
}

}  // namespace levada
