#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>

#include "error.hpp"
#include "values.hpp"

namespace levada {
namespace {

using levada_api::v1::Value;

constexpr std::string_view kPlain("lv1\0", 4), kCompressed("lv1z", 4);
constexpr size_t kCompressBytes = 1024;                  // blobs up to this size are never compressed
constexpr size_t kMostBytes = (size_t{1} << 31) - 1;     // largest message of protobuf
constexpr size_t kStep = size_t{1} << 20;

Error damaged() { return wrong_value("The blob is damaged: its bytes cannot be parsed."); }

std::string decompressed(std::string_view bytes) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (context == nullptr) throw std::bad_alloc();
  std::string out;
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  // The size in the frame is not trusted: the text grows as the bytes come.
  while (true) {
    const size_t before = out.size();
    out.resize(before + std::max(kStep, before));
    ZSTD_outBuffer room{out.data() + before, out.size() - before, 0};
    const size_t left = ZSTD_decompressStream(context.get(), &room, &in);
    out.resize(before + room.pos);
    if (ZSTD_isError(left) || out.size() > kMostBytes) throw damaged();
    if (left == 0 && in.pos == in.size) return out;
    if (left != 0 && in.pos == in.size && room.pos < room.size) throw damaged();  // cut off
  }
}

}  // namespace

mxArray* array_of_blob(std::string_view blob, Exactness exactness) {
  const std::string_view header = blob.substr(0, 4);
  if (header != kPlain && header != kCompressed) {
    throw wrong_value("The bytes are not a <blob>: this client does not know how they begin.");
  }
  const std::string_view body = blob.substr(4);
  Value value;
  const std::string raw = header == kCompressed ? decompressed(body) : std::string(body);
  if (raw.size() > kMostBytes || !value.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) throw damaged();
  return array_of(value, exactness);
}

std::string blob_of(const mxArray* array, const std::string& path) {
  const Value value = value_of(array, path);
  if (value.ByteSizeLong() > kMostBytes) throw Error("LIMIT_REACHED", path + ": the value is larger than 2 GB.");
  const std::string raw = value.SerializeAsString();
  if (raw.size() > kCompressBytes) {
    std::string packed(kCompressed.size() + ZSTD_compressBound(raw.size()), '\0');
    const size_t size = ZSTD_compress(packed.data() + kCompressed.size(), packed.size() - kCompressed.size(), raw.data(),
                                      raw.size(), ZSTD_CLEVEL_DEFAULT);
    if (!ZSTD_isError(size) && size < raw.size()) {
      packed.replace(0, kCompressed.size(), kCompressed);
      packed.resize(kCompressed.size() + size);
      return packed;
    }
  }
  return std::string(kPlain) + raw;
}

}  // namespace levada
