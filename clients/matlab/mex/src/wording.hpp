// The server's messages in MATLAB's notation.
#pragma once

#include <string>

namespace levada {

// A message of the server with calls and options as MATLAB writes them: `skip_duplicates=True`, as in Python, becomes
// `'SkipDuplicates', true`. Names of attributes and tables stay as they are. Nothing else translates messages.
std::string in_matlab(const std::string& message);

}  // namespace levada
