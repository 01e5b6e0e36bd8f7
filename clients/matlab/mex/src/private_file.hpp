// Files that hold secrets of their user.
#pragma once

#include <string>

namespace levada {

// Replaces a file at once, or makes it and its folder. At no moment can other users open it.
void write_private_file(const std::string& path, const std::string& text);

}  // namespace levada
