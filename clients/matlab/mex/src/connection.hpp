// A channel to one server, and the state that all calls through it share.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "error.hpp"

namespace levada {

// Threads may share it: MATLAB's thread makes calls, and heartbeats have their own threads.
class Connection {
 public:
  // `address` is `host:port`, `https://host[:port]`, `grpcs://…`, `http://…`, `grpc://…` or `unix:/path`; an empty
  // `token` sends none; `root_certificates` is PEM text, empty for the system's authorities; `client` names the client
  // and its version, empty to name none.
  Connection(std::string address, std::string token, const std::string& root_certificates, std::string client);

  const std::string& address() const { return address_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // Whether a call was ever answered: then a server that is out of reach may be back in a moment.
  bool answered() const { return answered_; }
  int64_t catalog_version() const { return catalog_version_; }

  // Adds the metadata that every call carries to the context of a new one.
  void prepare(grpc::ClientContext& context) const;
  // Reads the trailers of a call that has ended: the catalog's version, warnings and notices.
  void take_trailer(const grpc::ClientContext& context, const grpc::Status& status);
  // Returns the warnings to show to the user, and forgets them. A notice is among them once for each connection, a
  // warning each time that the server sends it.
  std::vector<std::string> take_warnings();
  // Returns whether a notice is new to this connection, and remembers it.
  bool is_new(const std::string& notice);
  // The error that a status stands for.
  Error error_of(const grpc::Status& status) const;

 private:
  std::string address_;
  std::string token_;
  std::string client_;
  std::shared_ptr<grpc::Channel> channel_;
  std::atomic<bool> answered_{false};
  std::atomic<int64_t> catalog_version_{0};
  std::mutex mutex_;  // guards all fields below: heartbeats have trailers too
  std::vector<std::string> warnings_;
  std::set<std::string> notices_;
};

// The error of a serialized google.rpc.Status, which answers in a session carry, and outcomes of jobs.
Error error_of_status(const std::string& serialized);

}  // namespace levada
