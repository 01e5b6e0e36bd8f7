#include "connection.hpp"

#include <google/protobuf/message.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>
#include <vector>

#include "balancing.hpp"
#include "private_socket.hpp"
#include "protocol.hpp"
#include "wording.hpp"

namespace levada {
namespace {

namespace pb = google::protobuf;

constexpr int kMessageBytes = 128 << 20;  // a value of a row has at most 64 MB, and travels whole
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr char kCatalogVersion[] = "levada-catalog-version";
constexpr char kWarning[] = "levada-warning-bin";
constexpr char kNotice[] = "levada-notice-bin";  // a warning to show once for each connection
constexpr char kClient[] = "levada-client";
constexpr size_t kWaitingWarnings = 64;  // more are dropped: only heartbeats could pile them up, between two calls

struct Target {
  std::vector<std::string> places;  // `host:port` of each server, or one `unix:/path`
  bool encrypted;
};

bool decimal(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char letter) { return std::isdigit(letter); });
}

// The start of the port in `host:port` or `[::1]:port`; npos if there is none.
size_t port_of(const std::string& place) {
  const size_t colon = place.rfind(':');
  if (colon == std::string::npos || colon == 0 || !decimal(place.substr(colon + 1))) return std::string::npos;
  return colon;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char letter : text) {
    if (letter == ',') {
      parts.emplace_back();
    } else if (letter != ' ') {
      parts.back() += letter;
    }
  }
  return parts;
}

Target target_of(const std::string& address) {
  const Error wrong = invalid_request("`" + address +
                                      "` is not a server address; use host:port, https://host or unix:/path. Commas "
                                      "separate several servers of one database: host1:port,host2:port.");
  if (address.rfind("unix:", 0) == 0) return {{address}, false};
  const size_t scheme_end = address.find("://");
  if (scheme_end == std::string::npos) {
    const std::vector<std::string> places = split(address);
    for (const std::string& place : places) {
      if (port_of(place) == std::string::npos) throw wrong;
    }
    return {places, !std::all_of(places.begin(), places.end(), is_loopback)};  // beyond this machine there is only TLS
  }
  const std::string scheme = address.substr(0, scheme_end);
  const std::string rest = address.substr(scheme_end + 3);
  const bool encrypted = scheme == "https" || scheme == "grpcs";
  if (!encrypted && scheme != "http" && scheme != "grpc") throw wrong;
  std::vector<std::string> places = split(rest.substr(0, rest.find('/')));
  for (std::string& place : places) {
    if (place.empty()) throw wrong;
    if (port_of(place) == std::string::npos) place += encrypted ? ":443" : ":80";
  }
  return {places, encrypted};
}

// gRPC's codes of statuses without an ErrorInfo: these come from the channel or from a proxy, not from the server.
const char* reason_of(int code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED: return "CANCELLED";
    case grpc::StatusCode::INVALID_ARGUMENT: return "INVALID_REQUEST";
    case grpc::StatusCode::DEADLINE_EXCEEDED: return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND: return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS: return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED: return "PERMISSION_DENIED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return "LIMIT_REACHED";
    case grpc::StatusCode::FAILED_PRECONDITION: return "PRECONDITION_FAILED";
    case grpc::StatusCode::ABORTED: return "CONFLICT";
    case grpc::StatusCode::UNIMPLEMENTED: return "UNSUPPORTED";
    case grpc::StatusCode::UNAVAILABLE: return "UNAVAILABLE";
    case grpc::StatusCode::UNAUTHENTICATED: return "UNAUTHENTICATED";
    default: return "INTERNAL";
  }
}

// Whether a call that ended with a code, and without an ErrorInfo, ended on its way, as by a proxy.
bool is_lost(int code) {
  return code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::INTERNAL ||
         code == grpc::StatusCode::UNKNOWN || code == grpc::StatusCode::DATA_LOSS;
}

// The first letter of a token that the metadata of a call cannot carry: anything but visible ASCII. npos if all can.
size_t unsendable(const std::string& token) {
  const auto found = std::find_if(token.begin(), token.end(), [](char letter) { return letter <= ' ' || letter > '~'; });
  return found == token.end() ? std::string::npos : static_cast<size_t>(found - token.begin());
}

const pb::FieldDescriptor& field(const pb::Message& message, const char* name) {
  return *message.GetDescriptor()->FindFieldByName(name);
}

std::string text(const pb::Message& message, const char* name) {
  return message.GetReflection()->GetString(message, &field(message, name));
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Error error_of_status(const std::string& serialized) {
  const auto status = new_message(find_message("google.rpc.Status"));
  if (!status->ParseFromString(serialized)) return Error("INTERNAL", "The server's error cannot be read.");
  const pb::Reflection& reflection = *status->GetReflection();
  const int code = reflection.GetInt32(*status, &field(*status, "code"));
  const pb::FieldDescriptor& packed = field(*status, "details");
  // The detail of a type; null if the status has none.
  const auto detail = [&](const std::string& type) {
    auto found = new_message(find_message(type));
    for (int i = 0; i < reflection.FieldSize(*status, &packed); ++i) {
      const pb::Message& any = reflection.GetRepeatedMessage(*status, &packed, i);
      if (ends_with(text(any, "type_url"), "/" + type) && found->ParseFromString(text(any, "value"))) return found;
    }
    found.reset();
    return found;
  };
  const auto request = detail("google.rpc.RequestInfo");
  const std::string call_id = request != nullptr ? text(*request, "request_id") : "";
  const auto info = detail("google.rpc.ErrorInfo");
  if (info != nullptr && text(*info, "domain") == "levada") {
    std::map<std::string, std::string> details;
    const pb::FieldDescriptor& entries = field(*info, "metadata");
    for (int j = 0; j < info->GetReflection()->FieldSize(*info, &entries); ++j) {
      const pb::Message& entry = info->GetReflection()->GetRepeatedMessage(*info, &entries, j);
      details[text(entry, "key")] = text(entry, "value");
    }
    return Error(text(*info, "reason"), in_matlab(text(*status, "message")), details, call_id);
  }
  return Error(reason_of(code), in_matlab(text(*status, "message")), {}, call_id);
}

Connection::Connection(std::string address, std::string token, const std::string& root_certificates, std::string client)
    : address_(std::move(address)), token_(std::move(token)), client_(std::move(client)) {
  Target target = target_of(address_);
  const bool here = std::all_of(target.places.begin(), target.places.end(), is_loopback);
  if (unsendable(token_) != std::string::npos) {
    throw invalid_request("Letter " + std::to_string(unsendable(token_) + 1) +
                          " of the token is a line break, a space or not ASCII, as no token has. If it comes from a file, "
                          "strtrim(fileread(file)) leaves out its line break.");
  }
  if (token_.empty()) {
    const std::string socket = target.places.size() == 1 ? find_private_socket(target.places.front()) : "";
    if (!socket.empty()) target = {{socket}, false};
  } else if (!target.encrypted && target.places.front().rfind("unix:", 0) != 0 && !here) {
    throw invalid_request("A token would travel to " + address_ + " in the clear; use https://" + target.places.front() +
                          ", where it is encrypted.");
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytes);
  arguments.SetMaxSendMessageSize(kMessageBytes);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (target.places.front().rfind("unix:", 0) != 0) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (target.encrypted) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = root_certificates;
    credentials = grpc::SslCredentials(options);
  }
  const std::string name = route(target.places, arguments);
  channel_ = grpc::CreateCustomChannel(name, credentials, arguments);
}

void Connection::prepare(grpc::ClientContext& context) const {
  if (!client_.empty()) context.AddMetadata(kClient, client_);
  if (const int64_t version = catalog_version_) context.AddMetadata(kCatalogVersion, std::to_string(version));
  if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
}

void Connection::take_trailer(const grpc::ClientContext& context, const grpc::Status& status) {
  if (!is_lost(status.error_code())) answered_ = true;
  for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
    const std::string content(value.data(), value.size());
    if (key == kCatalogVersion && decimal(content) && content.size() < 19) {
      const int64_t version = std::stoll(content);
      int64_t known = catalog_version_;
      while (known < version && !catalog_version_.compare_exchange_weak(known, version)) {
      }
    } else if (key == kWarning || (key == kNotice && is_new(content))) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (warnings_.size() < kWaitingWarnings) warnings_.push_back(in_matlab(content));
    }
  }
}

std::vector<std::string> Connection::take_warnings() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(warnings_, {});
}

bool Connection::is_new(const std::string& notice) {
  std::lock_guard<std::mutex> lock(mutex_);
  return notices_.insert(notice).second;
}

Error Connection::error_of(const grpc::Status& status) const {
  if (!status.error_details().empty()) return error_of_status(status.error_details());
  // A server that stops cancels what still waits. Nobody asks for the error of a call that this side cancelled.
  if (is_lost(status.error_code()) || status.error_code() == grpc::StatusCode::CANCELLED) {
    return Error("UNAVAILABLE", "The server at " + address_ + " is out of reach (" + status.error_message() +
                                    "). Is it running, and is the address right? levada.connect() without an address finds "
                                    "the server that `levada serve` started in this folder or one above.");
  }
  return Error(reason_of(status.error_code()), status.error_message() + " (server: " + address_ + ")");
}

}  // namespace levada
