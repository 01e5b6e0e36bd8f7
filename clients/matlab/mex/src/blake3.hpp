// BLAKE3, the hash of objects in stores.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace levada {

// The state of a hash. It is plain memory, so that it can be kept as bytes between calls.
class Blake3 {
 public:
  void add(std::string_view bytes);
  std::string hexadecimal() const;

 private:
  using Words = std::array<uint32_t, 8>;

  struct Output;

  Output chunk_output() const;
  void end_chunk();

  std::array<Words, 54> stack_{};  // the values of whole subtrees, larger ones first
  uint64_t stack_size_ = 0;
  uint64_t chunks_ = 0;  // that are complete
  Words chaining_ = kInitial;
  std::array<uint8_t, 64> block_{};
  uint32_t block_bytes_ = 0;
  uint32_t blocks_ = 0;  // of this chunk that are compressed

  static constexpr Words kInitial = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                     0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
};

}  // namespace levada
