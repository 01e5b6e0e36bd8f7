#include "wording.hpp"

#include <regex>
#include <utility>
#include <vector>

namespace levada {
namespace {

constexpr size_t kMostLetters = 16 * 1024;  // longer messages are not read: std::regex needs stack for each letter

using Rules = std::vector<std::pair<std::regex, std::string>>;

Rules make_rules() {
  Rules rules;
  const auto add = [&](const char* python, const char* matlab) { rules.emplace_back(std::regex(python), matlab); };
  add("\\bskip_duplicates=True\\b", "'SkipDuplicates', true");
  add("\\bignore_extra_fields=True\\b", "'IgnoreExtraFields', true");
  add("\\ballow_direct_insert=True\\b", "'AllowDirectInsert', true");
  add("\\bpart_integrity='(\\w+)'", "'PartIntegrity', '$1'");
  add("\\(Table & query\\)\\.delete\\(\\)", "del(Table & query)");
  add("\\buse delete\\(\\)", "use del");
  add("\\bA\\.proj\\(\\.\\.\\., (\\w+)='([^']*)'\\)", "proj(A, ..., '$2->$1')");
  add("(^|\\s)\\.proj\\(\\.\\.\\., (\\w+)='([^']*)'\\)", "$1proj(..., '$3->$2')");
  add("(^|\\s)\\.proj\\(\\.\\.\\., ('-\\w+')\\)", "$1proj(..., $2)");
  add("(^|\\s)\\.proj\\(\\)", "$1proj");
  add("\\bA\\.aggr\\(B, ", "aggr(A, B, ");
  add("\\bU\\(\\.\\.\\.\\)\\.aggr\\(query, ", "aggr(U(...), query, ");
  add("(^|\\s|\\()U\\(", "$1levada.U(");
  return rules;
}

}  // namespace

std::string in_matlab(const std::string& message) {
  static const Rules& rules = *new Rules(make_rules());  // never destroyed: heartbeats may still have errors at exit
  if (message.size() > kMostLetters) return message;
  std::string text = message;
  for (const auto& [python, matlab] : rules) text = std::regex_replace(text, python, matlab);
  return text;
}

}  // namespace levada
