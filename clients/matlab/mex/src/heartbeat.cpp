#include "heartbeat.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#ifndef _WIN32
#include <signal.h>
#endif

#include "call.hpp"
#include "protocol.hpp"

namespace levada {
namespace {

namespace pb = google::protobuf;
using namespace std::chrono_literals;

constexpr std::chrono::duration<double> kRetryPause = 1s;
constexpr std::chrono::duration<double> kShortestTimeout = 1s;
constexpr auto kPollTime = 50ms;

// Signals belong to MATLAB: Ctrl-C must reach the thread that runs its code.
std::thread without_signals(std::function<void()> body) {
#ifndef _WIN32
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
#else
  return std::thread(std::move(body));
#endif
}

}  // namespace

Heartbeat::Heartbeat(std::shared_ptr<Connection> connection, std::chrono::duration<double> interval)
    : connection_(std::move(connection)), interval_(interval) {
  thread_ = without_signals([this] { beat(); });
}

Heartbeat::~Heartbeat() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Heartbeat::add(const std::string& worker_session) {
  std::lock_guard<std::mutex> lock(mutex_);
  sessions_.insert(worker_session);
}

Heartbeat::Report Heartbeat::report() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return report_;
}

bool Heartbeat::stopped() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stop_;
}

void Heartbeat::beat() {
  std::chrono::duration<double> pause = interval_;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (changed_.wait_for(lock, pause, [this] { return stop_; })) return;
    }
    bool reachable = true;
    try {
      renew_all();
    } catch (const std::exception&) {
      reachable = false;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    report_.reachable = reachable;
    pause = reachable ? interval_ : std::min(interval_, kRetryPause);
  }
}

// Sessions that have ended are left out one by one, because each makes the call fail.
void Heartbeat::renew_all() {
  while (true) {
    std::set<std::string> sessions;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      sessions = sessions_;
    }
    if (sessions.empty() || renew(sessions)) return;
  }
}

// Returns false if a session had ended; it is left out from now on. Throws other errors.
bool Heartbeat::renew(const std::set<std::string>& sessions) {
  const pb::MethodDescriptor& method = find_method("/levada_api.v1.JobService/RenewWorkerSessions");
  const auto request = new_message(*method.input_type());
  const pb::FieldDescriptor* names = method.input_type()->FindFieldByName("worker_sessions");
  for (const std::string& session : sessions) request->GetReflection()->AddString(request.get(), names, session);
  const auto timeout = std::max(interval_, kShortestTimeout);
  Call call(connection_, method, Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout));
  call.send(*request, true, 0ms);
  while (call.poll(kPollTime) != Call::State::kDone) {
    if (stopped()) return true;
  }
  if (!call.status().ok()) {
    const Error error = connection_->error_of(call.status());
    const auto ended = error.details().find("worker_session");
    std::lock_guard<std::mutex> lock(mutex_);
    if (error.reason() != "UNKNOWN_WORKER_SESSION" || ended == error.details().end() || !sessions_.erase(ended->second)) {
      throw error;
    }
    report_.ended_sessions.insert(ended->second);
    return false;
  }
  const auto response = call.take_message();
  if (response == nullptr) throw Error("INTERNAL", "A renewal ended without an answer.");
  const pb::FieldDescriptor* tokens = method.output_type()->FindFieldByName("cancelled_lease_tokens");
  std::lock_guard<std::mutex> lock(mutex_);
  for (int i = 0; i < response->GetReflection()->FieldSize(*response, tokens); ++i) {
    report_.cancelled_lease_tokens.insert(response->GetReflection()->GetRepeatedString(*response, tokens, i));
  }
  return true;
}

}  // namespace levada
