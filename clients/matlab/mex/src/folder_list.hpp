// The content of folders.
#pragma once

#include <mex.h>

#include <string>

namespace levada {

// What is in a folder, in order of the names: a struct with names, a cell row, and for each of them isFolder, isFile, and
// seconds, how long ago it changed by the clock of this machine: when it was written, renamed, or got another time or
// mode. Links are neither folders nor files. What is removed meanwhile is left out.
mxArray* folder_list(const std::string& folder);

}  // namespace levada
