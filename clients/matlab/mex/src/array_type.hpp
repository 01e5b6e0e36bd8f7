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

// Nothing if the text spells no such type; a codec may stand around it.
std::optional<ArrayType> parse_array_type(const std::string& spelling);

}  // namespace levada
