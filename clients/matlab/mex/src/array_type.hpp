// The type of a fixed-shape array, as a definition spells it: `<array float32 (3, 4)>`.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace levada {

struct ArrayType {
  std::string dtype;
  std::vector<int64_t> shape;
};

// Returns nothing if the text is not such a type; a codec may enclose it.
std::optional<ArrayType> parse_array_type(const std::string& spelling);

}  // namespace levada
