// Heartbeats: a thread renews worker sessions, so that their leases last while MATLAB computes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "connection.hpp"

namespace levada {

class Heartbeat {
 public:
  struct Report {
    std::set<std::string> cancelled_lease_tokens;  // of all renewals so far
    std::set<std::string> ended_sessions;          // the server no longer knows these
    bool reachable;                                // whether the last renewal succeeded
  };

  // Renews all sessions once per `interval`; more often while the server is out of reach.
  Heartbeat(std::shared_ptr<Connection> connection, std::chrono::duration<double> interval);
  // Stops the thread, within a tenth of a second.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  void add(const std::string& worker_session);
  Report report() const;
  const Connection& connection() const { return *connection_; }

 private:
  void beat();
  void renew_all();
  bool renew(const std::set<std::string>& sessions);
  bool stopped() const;

  std::shared_ptr<Connection> connection_;
  std::chrono::duration<double> interval_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::set<std::string> sessions_;
  Report report_{{}, {}, true};
  std::thread thread_;
};

}  // namespace levada
