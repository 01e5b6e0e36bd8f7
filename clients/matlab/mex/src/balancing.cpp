#include "balancing.hpp"

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <netdb.h>
#include <sys/socket.h>
#endif

#include <algorithm>
#include <cstring>

#include "error.hpp"

namespace levada {
namespace {

// Any service but the empty one says whether a server is ready: a watcher of that keeps an embedded server running.
constexpr char kBalanced[] =
    R"({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "levada_api.v1.ServerService"}})";

struct Addresses {
  std::vector<std::string> four;  // of IPv4, each once
  std::vector<std::string> six;   // of IPv6
};

void add(std::vector<std::string>& to, const std::string& address) {
  if (std::find(to.begin(), to.end(), address) == to.end()) to.push_back(address);
}

// Adds the addresses behind `host:port`; none if the host is not known.
void find_addresses(const std::string& place, Addresses& found) {
  const size_t colon = place.rfind(':');
  std::string host = place.substr(0, colon);
  const std::string port = place.substr(colon + 1);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo wanted;
  std::memset(&wanted, 0, sizeof wanted);
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &wanted, &first) != 0) return;
  for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(at->ai_addr, static_cast<socklen_t>(at->ai_addrlen), text, sizeof text, nullptr, 0, NI_NUMERICHOST) !=
        0) {
      continue;
    }
    if (at->ai_family == AF_INET6) {
      add(found.six, "[" + std::string(text) + "]:" + port);
    } else if (at->ai_family == AF_INET) {
      add(found.four, std::string(text) + ":" + port);
    }
  }
  freeaddrinfo(first);
}

}  // namespace

std::string route(const std::vector<std::string>& places, grpc::ChannelArguments& arguments) {
  const std::string& first = places.front();
  if (first.rfind("unix:", 0) == 0) return first;
  Addresses found;
  for (const std::string& place : places) find_addresses(place, found);
  if (places.size() == 1) {
    // One server may have an address of each kind, as localhost has.
    if (std::max(found.four.size(), found.six.size()) > 1) arguments.SetServiceConfigJSON(kBalanced);
    return first;
  }
  const bool is_four = !found.four.empty();
  const std::vector<std::string>& of_one_kind = is_four ? found.four : found.six;  // gRPC takes no mixed list
  if (of_one_kind.empty()) {
    std::string names;
    for (const std::string& place : places) names += (names.empty() ? "" : ", ") + place;
    throw Error("UNAVAILABLE", "None of the hosts " + names + " is known. Are their names right?");
  }
  arguments.SetServiceConfigJSON(kBalanced);
  // gRPC would look for the list itself in the certificate.
  std::string host = first.substr(0, first.rfind(':'));
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, first);
  arguments.SetSslTargetNameOverride(host);
  std::string name = is_four ? "ipv4:" : "ipv6:";
  for (size_t i = 0; i < of_one_kind.size(); ++i) name += (i == 0 ? "" : ",") + of_one_kind[i];
  return name;
}

}  // namespace levada
