#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace convsweep {

/** A failure that reaches JavaScript as an error with `code`, one of lib/errors.ts' ErrorCode. */
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/** States what the TypeScript wrapper guarantees; a failure is a bug of the package, not of its user. */
inline void require(bool condition, const char* message) {
  if (!condition) throw Error("NATIVE", std::string("internal: ") + message);
}

}  // namespace convsweep
