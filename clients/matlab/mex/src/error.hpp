// Errors that the gateway throws. No error passes through the C API.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace levada {

// A failure to report to the caller: MATLAB sees the identifier `levada:Reason`.
class Error : public std::runtime_error {
 public:
  // `reason` is an ErrorReason of the protocol without its prefix: `WRONG_VALUE`.
  // `call_id` names the call in the server's log; empty if no call failed there.
  Error(std::string reason, const std::string& message, std::map<std::string, std::string> details = {},
        std::string call_id = "")
      : std::runtime_error(message),
        reason_(std::move(reason)),
        details_(std::move(details)),
        call_id_(std::move(call_id)) {}

  const std::string& reason() const { return reason_; }
  const std::map<std::string, std::string>& details() const { return details_; }
  const std::string& call_id() const { return call_id_; }

  // `DUPLICATE_ENTITY` as `levada:DuplicateEntity`.
  std::string identifier() const {
    std::string id = "levada:";
    bool start = true;
    for (char letter : reason_) {
      if (letter == '_') {
        start = true;
      } else {
        id += start || letter < 'A' || letter > 'Z' ? letter : static_cast<char>(letter - 'A' + 'a');
        start = false;
      }
    }
    return id;
  }

 private:
  std::string reason_;
  std::map<std::string, std::string> details_;
  std::string call_id_;
};

inline Error invalid_request(const std::string& message) { return Error("INVALID_REQUEST", message); }
inline Error wrong_value(const std::string& message) { return Error("WRONG_VALUE", message); }

}  // namespace levada
