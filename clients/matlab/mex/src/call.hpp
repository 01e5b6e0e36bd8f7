// One call: started, driven by whoever waits for it, ended by its status or by its destructor.
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

using Clock = std::chrono::system_clock;  // what gRPC's deadlines are counted by

// No thread is behind it: it moves on only in `poll`, `send` and `wait`, so nothing runs while MATLAB computes.
class Call {
 public:
  // `deadline` ends the call with DEADLINE_EXCEEDED.
  Call(std::shared_ptr<Connection> connection, const google::protobuf::MethodDescriptor& method,
       std::optional<Clock::time_point> deadline);
  // Cancels a call that is under way.
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Gives the next request. False: the last one is still on its way after `timeout`, so this one was not taken.
  // True also where the call has ended; `poll` tells.
  bool send(const google::protobuf::Message& request, bool last, Clock::duration timeout);
  // Says that no more requests come. False: as `send`.
  bool close_send(Clock::duration timeout);

  enum class State { kPending, kMessage, kDone };
  // Waits for the next response, or for the end of the call, for as long as `timeout`. The response of a method that
  // gives just one comes together with the end, as kDone.
  State poll(Clock::duration timeout);
  // After kMessage, and after kDone of a method that gives one response: takes it. Null where the call failed before.
  std::unique_ptr<google::protobuf::Message> take_message();

  bool done() const { return done_; }
  // Once it is done.
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
