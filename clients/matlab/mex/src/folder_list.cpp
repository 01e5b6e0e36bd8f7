#include "folder_list.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <map>
#include <system_error>

#ifndef _WIN32
#include <sys/stat.h>
#endif

#include "arrays.hpp"
#include "error.hpp"

namespace levada {
namespace {

namespace fs = std::filesystem;

struct Entry {
  fs::file_type type;
  double seconds;
};

// Follows no link. The time is of the last change that the system notes.
Entry entry_at(const fs::path& path, std::error_code& error) {
#ifdef _WIN32
  const fs::file_status status = fs::symlink_status(path, error);
  if (error) return {};
  const auto written = fs::last_write_time(path, error);
  return {status.type(), std::chrono::duration<double>(fs::file_time_type::clock::now() - written).count()};
#else
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    error.assign(errno, std::generic_category());
    return {};
  }
  const auto type = S_ISDIR(found.st_mode)   ? fs::file_type::directory
                    : S_ISREG(found.st_mode) ? fs::file_type::regular
                                             : fs::file_type::unknown;
#ifdef __APPLE__
  const timespec& written = found.st_mtimespec;
  const timespec& changed = found.st_ctimespec;
#else
  const timespec& written = found.st_mtim;
  const timespec& changed = found.st_ctim;
#endif
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const auto since = [&](const timespec& time) {
    return static_cast<double>(now.tv_sec - time.tv_sec) + static_cast<double>(now.tv_nsec - time.tv_nsec) / 1e9;
  };
  return {type, std::min(since(written), since(changed))};
#endif
}

[[noreturn]] void refuse(const std::string& folder, const std::error_code& error) {
  if (error == std::errc::no_such_file_or_directory) throw Error("NOT_FOUND", "There is no folder " + folder + ".");
  throw Error("PRECONDITION_FAILED", folder + " cannot be read: " + error.message() + ".");
}

}  // namespace

mxArray* folder_list(const std::string& folder) {
  std::error_code error;
  std::map<std::string, Entry> found;
  fs::directory_iterator entries(fs::u8path(folder), error);
  while (!error && entries != fs::directory_iterator()) {
    std::error_code gone;
    const Entry entry = entry_at(entries->path(), gone);
    if (!gone) found.emplace(entries->path().filename().u8string(), entry);
    if (gone && gone != std::errc::no_such_file_or_directory) error = gone;
    if (!error) entries.increment(error);
  }
  if (error) refuse(folder, error);

  mxArray* names = cell_row(found.size());
  mxArray* folders = mxCreateLogicalMatrix(1, found.size());
  mxArray* files = mxCreateLogicalMatrix(1, found.size());
  mxArray* seconds = mxCreateDoubleMatrix(1, found.size(), mxREAL);
  size_t index = 0;
  for (const auto& [name, entry] : found) {
    mxSetCell(names, index, text_array(name));
    mxGetLogicals(folders)[index] = entry.type == fs::file_type::directory;
    mxGetLogicals(files)[index] = entry.type == fs::file_type::regular;
    mxGetPr(seconds)[index] = entry.seconds;
    ++index;
  }
  StructBuilder fields;
  fields.set("names", names);
  fields.set("isFolder", folders);
  fields.set("isFile", files);
  fields.set("seconds", seconds);
  return fields.build();
}

}  // namespace levada
