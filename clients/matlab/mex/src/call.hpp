// One call: it is started, driven by the code that waits for it, and ended by its status or its destructor.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "connection.hpp"

namespace levada {

using Clock = std::chrono::system_clock;  // the clock of gRPC's deadlines

// It has no thread: it makes progress only in `poll` and `send`, so nothing runs while MATLAB computes.
class Call {
 public:
  // `deadline` ends the call with DEADLINE_EXCEEDED.
  Call(std::shared_ptr<Connection> connection, const google::protobuf::MethodDescriptor& method,
       std::optional<Clock::time_point> deadline);
  // Cancels a call that is under way.
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Sends the next request. Returns false if the last one is still on its way after `timeout`; this one is not taken
  // then. Also returns true if the call has ended, which `poll` reports.
  bool send(const google::protobuf::Message& request, bool last, Clock::duration timeout);
  // Ends the requests. Returns false as `send` does.
  bool close_send(Clock::duration timeout);

  enum class State { kPending, kMessage, kDone };
  // Waits for the next response or the end of the call, at most `timeout`. The response of a method that returns just
  // one comes together with the end, as kDone.
  State poll(Clock::duration timeout);
  // Takes the response after kMessage, and after kDone of a method that returns just one. Null if the call failed.
  std::unique_ptr<google::protobuf::Message> take_message();

  bool done() const { return done_; }
  // Valid once it is done.
  const grpc::Status& status() const { return status_; }
  Connection& connection() const { return *connection_; }
  const google::protobuf::MethodDescriptor& method() const { return method_; }

 private:
  bool drive(Clock::time_point until);
  void read();

  std::shared_ptr<Connection> connection_;
  const google::protobuf::MethodDescriptor& method_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer incoming_;
  std::deque<grpc::ByteBuffer> messages_;
  grpc::Status status_;
  bool reading_ = false;
  bool read_all_ = false;
  bool writing_ = false;
  bool send_closed_ = false;
  bool done_ = false;
};

}  // namespace levada
