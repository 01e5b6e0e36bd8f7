// Prints the BLAKE3 of the standard input, which is hashed in pieces of the size that the argument names.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "blake3.hpp"

int main(int, char** arguments) {
  std::vector<char> piece(std::strtoul(arguments[1], nullptr, 10));
  levada::Blake3 hash;
  for (size_t read; (read = std::fread(piece.data(), 1, piece.size(), stdin)) > 0;) hash.add({piece.data(), read});
  std::puts(hash.hexadecimal().c_str());
}
