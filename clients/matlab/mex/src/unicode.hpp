// UTF-8, in which the protocol writes text, and the units of a char array: bytes in Octave, UTF-16 in MATLAB.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace levada {

// Reads one code point of UTF-8 and moves `at` past it; -1 for bytes that are not one, of which one is skipped.
inline int32_t next_code_point(std::string_view bytes, size_t& at) {
  const auto first = static_cast<unsigned char>(bytes[at++]);
  if (first < 0x80) return first;
  const size_t more = first < 0xC2 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : 0;
  if (more == 0 || at + more > bytes.size()) return -1;
  int32_t point = first & (0x3F >> more);
  for (size_t i = 0; i < more; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[at + i]);
    if ((byte & 0xC0) != 0x80) return -1;
    point = point << 6 | (byte & 0x3F);
  }
  constexpr int32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (point < kLeast[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return -1;
  at += more;
  return point;
}

// Returns whether bytes are well-formed UTF-8.
inline bool valid_utf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    if (next_code_point(bytes, at) < 0) return false;
  }
  return true;
}

inline void append_utf8(std::string& out, uint32_t point) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

// Returns how many units a text takes.
template <typename Unit>
size_t unit_count(std::string_view utf8) {
  static_assert(sizeof(Unit) <= 2, "a char array has bytes or UTF-16");
  if constexpr (sizeof(Unit) == 1) {
    return utf8.size();
  } else {
    size_t count = 0;
    for (size_t at = 0; at < utf8.size();) count += next_code_point(utf8, at) >= 0x10000 ? 2 : 1;
    return count;
  }
}

// Writes the units of a text and returns their end. Bytes that are not UTF-8 become U+FFFD in UTF-16.
template <typename Unit>
Unit* put_units(std::string_view utf8, Unit* out) {
  if constexpr (sizeof(Unit) == 1) {
    if (!utf8.empty()) std::memcpy(out, utf8.data(), utf8.size());
    return out + utf8.size();
  } else {
    for (size_t at = 0; at < utf8.size();) {
      int32_t point = next_code_point(utf8, at);
      if (point < 0) point = 0xFFFD;
      if (point >= 0x10000) {
        *out++ = static_cast<Unit>(0xD800 + ((point - 0x10000) >> 10));
        *out++ = static_cast<Unit>(0xDC00 + ((point - 0x10000) & 0x3FF));
      } else {
        *out++ = static_cast<Unit>(point);
      }
    }
    return out;
  }
}

// UTF-8 of units that lie `stride` apart; nothing if they are not valid text.
template <typename Unit>
std::optional<std::string> utf8_of(const Unit* units, size_t count, size_t stride) {
  std::string text;
  text.reserve(count);
  if constexpr (sizeof(Unit) == 1) {
    for (size_t i = 0; i < count; ++i) text += static_cast<char>(units[i * stride]);
    return valid_utf8(text) ? std::optional<std::string>(std::move(text)) : std::nullopt;
  } else {
    for (size_t i = 0; i < count; ++i) {
      uint32_t point = static_cast<uint16_t>(units[i * stride]);
      if (point >= 0xD800 && point < 0xE000) {
        const uint32_t low = i + 1 < count ? static_cast<uint16_t>(units[(i + 1) * stride]) : 0;
        if (point >= 0xDC00 || low < 0xDC00 || low >= 0xE000) return std::nullopt;
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        ++i;
      }
      append_utf8(text, point);
    }
    return text;
  }
}

}  // namespace levada
