#include "blake3.hpp"

#include <algorithm>
#include <cstring>

namespace levada {
namespace {

constexpr uint32_t kBlockBytes = 64;
constexpr uint32_t kBlocksOfChunk = 16;

enum Flag : uint32_t { kChunkStart = 1, kChunkEnd = 2, kParent = 4, kRoot = 8 };

using Block = std::array<uint32_t, 16>;

uint32_t turned(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

void mix(Block& v, int a, int b, int c, int d, uint32_t x, uint32_t y) {
  v[a] += v[b] + x;
  v[d] = turned(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = turned(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = turned(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = turned(v[b] ^ v[c], 7);
}

Block words_of(const std::array<uint8_t, kBlockBytes>& bytes) {
  Block words;
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = bytes[4 * i] | bytes[4 * i + 1] << 8 | bytes[4 * i + 2] << 16 | static_cast<uint32_t>(bytes[4 * i + 3]) << 24;
  }
  return words;
}

}  // namespace

// The last compression of a chunk or of two subtrees, which the root does with another flag.
struct Blake3::Output {
  Words chaining;
  Block block;
  uint64_t counter;
  uint32_t bytes;
  uint32_t flags;

  Words compressed() const {
    static constexpr int kOrder[] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
    Block v = {chaining[0], chaining[1], chaining[2], chaining[3], chaining[4], chaining[5], chaining[6], chaining[7],
               kInitial[0], kInitial[1], kInitial[2], kInitial[3], static_cast<uint32_t>(counter),
               static_cast<uint32_t>(counter >> 32), bytes, flags};
    Block m = block;
    for (int round = 0; round < 7; ++round) {
      mix(v, 0, 4, 8, 12, m[0], m[1]);
      mix(v, 1, 5, 9, 13, m[2], m[3]);
      mix(v, 2, 6, 10, 14, m[4], m[5]);
      mix(v, 3, 7, 11, 15, m[6], m[7]);
      mix(v, 0, 5, 10, 15, m[8], m[9]);
      mix(v, 1, 6, 11, 12, m[10], m[11]);
      mix(v, 2, 7, 8, 13, m[12], m[13]);
      mix(v, 3, 4, 9, 14, m[14], m[15]);
      const Block before = m;
      for (size_t i = 0; i < m.size(); ++i) m[i] = before[kOrder[i]];
    }
    Words result;
    for (size_t i = 0; i < result.size(); ++i) result[i] = v[i] ^ v[i + 8];
    return result;
  }

  static Output parent(const Words& left, const Words& right) {
    Output output{kInitial, {}, 0, kBlockBytes, kParent};
    std::copy(left.begin(), left.end(), output.block.begin());
    std::copy(right.begin(), right.end(), output.block.begin() + 8);
    return output;
  }
};

Blake3::Output Blake3::chunk_output() const {
  std::array<uint8_t, kBlockBytes> padded = block_;
  std::fill(padded.begin() + block_bytes_, padded.end(), uint8_t{0});
  return {chaining_, words_of(padded), chunks_, block_bytes_, (blocks_ == 0 ? kChunkStart : 0U) | kChunkEnd};
}

void Blake3::end_chunk() {
  Words value = chunk_output().compressed();
  ++chunks_;
  for (uint64_t complete = chunks_; complete % 2 == 0; complete /= 2) {
    value = Output::parent(stack_[--stack_size_], value).compressed();
  }
  stack_[stack_size_++] = value;
  chaining_ = kInitial;
  block_bytes_ = 0;
  blocks_ = 0;
}

void Blake3::add(std::string_view bytes) {
  while (!bytes.empty()) {
    if (block_bytes_ == kBlockBytes) {  // only with further bytes is it known that it is not the last one
      if (blocks_ == kBlocksOfChunk - 1) {
        end_chunk();
      } else {
        chaining_ = Output{chaining_, words_of(block_), chunks_, kBlockBytes, blocks_ == 0 ? kChunkStart : 0U}.compressed();
        ++blocks_;
        block_bytes_ = 0;
      }
    }
    const size_t taken = std::min<size_t>(kBlockBytes - block_bytes_, bytes.size());
    std::memcpy(&block_[block_bytes_], bytes.data(), taken);
    block_bytes_ += static_cast<uint32_t>(taken);
    bytes.remove_prefix(taken);
  }
}

std::string Blake3::hexadecimal() const {
  Output output = chunk_output();
  for (uint64_t left = stack_size_; left > 0; --left) output = Output::parent(stack_[left - 1], output.compressed());
  output.counter = 0;
  output.flags |= kRoot;
  std::string text;
  for (const uint32_t word : output.compressed()) {
    for (int digit = 0; digit < 8; ++digit) {
      const int shift = digit % 2 == 0 ? 4 * digit + 4 : 4 * digit - 4;  // the lower byte first, its higher half before
      text += "0123456789abcdef"[word >> shift & 15];
    }
  }
  return text;
}

}  // namespace levada
