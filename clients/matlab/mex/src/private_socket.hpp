// The private socket of a server that this user runs on this machine, where no token is needed.
#pragma once

#include <string>

namespace levada {

// Whether `target`, a `host:port`, is on this machine.
bool is_loopback(const std::string& target);

// The address `unix:/path` of the socket that a server of this user has announced for the port of `target`; empty if
// there is none, or if others could have put it there.
std::string find_private_socket(const std::string& target);

// Who can put files into a folder.
struct FolderRights {
  bool ours;          // it belongs to this user
  bool others_write;  // its group or everybody can write there
};

// The rights of a folder; on Windows, and for one that is missing, it counts as this user's alone.
FolderRights folder_rights(const std::string& path);

}  // namespace levada
