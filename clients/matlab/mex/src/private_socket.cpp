#include "private_socket.hpp"

#ifndef _WIN32
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace levada {

bool is_loopback(const std::string& target) {
  const std::string host = target.substr(0, target.rfind(':'));
  return host == "127.0.0.1" || host == "localhost" || host == "::1" || host == "[::1]";
}

#ifdef _WIN32

std::string find_private_socket(const std::string&) { return ""; }

FolderRights folder_rights(const std::string&) { return {true, false}; }

#else

namespace {

// The folder of this user's announcements, a file for each port; empty if the user has no home.
std::string announcements() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/levada/servers";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] == '\0') {
    const passwd* user = getpwuid(geteuid());
    home = user == nullptr ? nullptr : user->pw_dir;
  }
  return home == nullptr ? "" : std::string(home) + "/.local/state/levada/servers";
}

bool ours_alone(const std::string& path) {
  struct stat found;
  return lstat(path.c_str(), &found) == 0 && found.st_uid == geteuid() && !S_ISLNK(found.st_mode) &&
         (found.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

// A text of the JSON that servers write; texts with escapes count as missing, because no socket's path has one.
std::string text_of(const std::string& json, const std::string& name) {
  const std::string before = "\"" + name + "\": \"";
  const size_t begin = json.find(before);
  if (begin == std::string::npos) return "";
  const size_t start = begin + before.size();
  const size_t end = json.find('"', start);
  const std::string text = end == std::string::npos ? "" : json.substr(start, end - start);
  return text.find('\\') == std::string::npos ? text : "";
}

// Whether a server listens; the file of one that was killed remains.
bool answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int probe = socket(AF_UNIX, SOCK_STREAM, 0);
  if (probe < 0) return false;
  const bool connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return connected;
}

}  // namespace

std::string find_private_socket(const std::string& target) {
  const std::string folder = announcements();
  if (folder.empty() || !is_loopback(target)) return "";
  const std::string file = folder + "/" + target.substr(target.rfind(':') + 1) + ".json";
  if (!ours_alone(file)) return "";
  std::ifstream opened(file);
  const std::string json((std::istreambuf_iterator<char>(opened)), std::istreambuf_iterator<char>());
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  const std::string address = text_of(json, "socket");
  if (text_of(json, "host") != host || address.rfind("unix:", 0) != 0) return "";
  const std::string path = address.substr(std::strlen("unix:"));
  return ours_alone(path.substr(0, path.rfind('/'))) && answers(path) ? address : "";
}

FolderRights folder_rights(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return {true, false};
  return {found.st_uid == geteuid(), (found.st_mode & (S_IWGRP | S_IWOTH)) != 0};
}

#endif

}  // namespace levada
