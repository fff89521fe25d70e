#include "bench/gpu/probe/fact.h"

#include <cmath>
#include <cstdio>

namespace convsweep::probe {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') {
      result += '\\';
      result += character;
    } else if (static_cast<unsigned char>(character) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(character));
      result += escape;
    } else {
      result += character;
    }
  }
  return result + "\"";
}

}  // namespace

Fact& Fact::json(const std::string& name, const std::string& value) {
  if (!members_.empty()) members_ += ",";
  members_ += quoted(name) + ":" + value;
  return *this;
}

Fact& Fact::text(const std::string& name, const std::string& value) {
  return json(name, quoted(value));
}

Fact& Fact::number(const std::string& name, double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.9g", value);
  return std::isfinite(value) ? json(name, digits) : text(name, digits);
}

Fact& Fact::count(const std::string& name, int64_t value) {
  return json(name, std::to_string(value));
}

Fact& Fact::flag(const std::string& name, bool value) {
  return json(name, value ? "true" : "false");
}

Fact& Fact::object(const std::string& name, const Fact& value) {
  return json(name, value.json());
}

void Fact::print() const {
  std::printf("%s\n", json().c_str());
  std::fflush(stdout);
}

}  // namespace convsweep::probe
