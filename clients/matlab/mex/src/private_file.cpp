#include "private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "error.hpp"

namespace levada {
namespace {

namespace fs = std::filesystem;

// A stream on a file that did not exist and that only its user can read; nullptr if that fails.
std::FILE* create(const fs::path& path) {
#ifdef _WIN32
  const int opened = _wopen(path.c_str(), _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, _S_IREAD | _S_IWRITE);
  return opened < 0 ? nullptr : _fdopen(opened, "wb");
#else
  const int opened = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  return opened < 0 ? nullptr : fdopen(opened, "wb");
#endif
}

}  // namespace

void write_private_file(const std::string& path, const std::string& text) {
  const fs::path file = fs::u8path(path);
  const fs::path draft = fs::u8path(path + ".new");
  std::error_code failure;
  if (file.has_parent_path() && fs::create_directories(file.parent_path(), failure)) {
    fs::permissions(file.parent_path(), fs::perms::owner_all, failure);
  }
  fs::remove(draft, failure);
  std::FILE* stream = create(draft);
  bool written = stream != nullptr && std::fwrite(text.data(), 1, text.size(), stream) == text.size();
  written = stream != nullptr && std::fclose(stream) == 0 && written;
  if (written) fs::rename(draft, file, failure);
  if (!written || failure) {
    std::error_code ignored;
    fs::remove(draft, ignored);
    throw invalid_request(path + " cannot be written; look at the rights of its folder.");
  }
}

}  // namespace levada
