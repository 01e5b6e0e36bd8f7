// Text between UTF-8 and both kinds of char arrays: Octave's bytes, MATLAB's UTF-16. Ends with 0 if all holds.
#include "unicode.hpp"

#include <cstdio>
#include <vector>

namespace {

int failures = 0;

void check(bool condition, const char* what) {
  if (condition) return;
  std::printf("not so: %s\n", what);
  ++failures;
}

template <typename Unit>
std::vector<Unit> units_of(std::string_view utf8) {
  std::vector<Unit> units(levada::unit_count<Unit>(utf8) + 1, Unit(0x55));
  check(levada::put_units(utf8, units.data()) == &units.back(), "as many units as counted");
  units.pop_back();
  return units;
}

template <typename Unit>
void check_round_trip(std::string_view utf8, size_t count, const char* what) {
  const std::vector<Unit> units = units_of<Unit>(utf8);
  check(units.size() == count, what);
  check(levada::utf8_of(units.data(), units.size(), 1) == std::string(utf8), what);
}

// Every other unit: a row of a char matrix of two rows.
void check_stride() {
  const char16_t matrix[] = {u'a', u'x', 0xD83D, u'y', 0xDC2D, u'z'};
  check(levada::utf8_of(matrix, 3, 2) == "a\xF0\x9F\x90\xAD", "a row of a matrix");
}

}  // namespace

int main() {
  const std::string_view mouse = "Zo\xC3\xAB \xF0\x9F\x90\xAD";
  check_round_trip<char>(mouse, 9, "bytes beyond the BMP");
  check_round_trip<char16_t>(mouse, 6, "UTF-16 beyond the BMP");
  check_round_trip<char16_t>("\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", 3, "beside the surrogates, and the last of the BMP");
  check_round_trip<char16_t>("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 4, "the first and the last beyond the BMP");
  check_round_trip<char16_t>(std::string_view("a\0b", 3), 3, "NUL");
  check_round_trip<char16_t>("", 0, "no text");
  check(units_of<char16_t>("\xF0\x9F\x90\xAD") == std::vector<char16_t>({0xD83D, 0xDC2D}), "a pair of surrogates");
  check(units_of<char16_t>("a\xFFz") == std::vector<char16_t>({u'a', 0xFFFD, u'z'}), "a byte that is not UTF-8");
  for (const std::vector<char16_t>& lone : {std::vector<char16_t>{0xD83D}, {0xDC2D, u'a'}, {0xD83D, u'a'}}) {
    check(!levada::utf8_of(lone.data(), lone.size(), 1), "a lone surrogate is refused");
  }
  for (std::string_view bad : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
    check(!levada::valid_utf8(bad), "bytes that are not UTF-8 are refused");
  }
  check_stride();
  return failures == 0 ? 0 : 1;
}
