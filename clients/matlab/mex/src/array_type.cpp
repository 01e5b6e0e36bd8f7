#include "array_type.hpp"

#include <regex>

namespace levada {

std::optional<ArrayType> parse_array_type(const std::string& spelling) {
  static const std::regex pattern("<array\\s+([a-z0-9]+)\\s*\\(([0-9,\\s]*)\\)>");
  static const std::regex number("[0-9]{1,15}");
  std::smatch match;
  if (!std::regex_search(spelling, match, pattern)) return std::nullopt;
  ArrayType type{match[1].str(), {}};
  const std::string lengths = match[2].str();
  for (std::sregex_iterator it(lengths.begin(), lengths.end(), number), end; it != end; ++it) {
    type.shape.push_back(std::stoll(it->str()));
  }
  return type;
}

}  // namespace levada
