#pragma once

#include <cstdint>
#include <string>

namespace convsweep::probe {

/** A JSON object of a line, which what starts this program reads. */
class Fact {
 public:
  Fact& text(const std::string& name, const std::string& value);
  /** NaN and infinities as text: JSON has no numbers for them. */
  Fact& number(const std::string& name, double value);
  Fact& count(const std::string& name, int64_t value);
  Fact& flag(const std::string& name, bool value);
  Fact& object(const std::string& name, const Fact& value);
  /** `value` is JSON already. */
  Fact& json(const std::string& name, const std::string& value);

  std::string json() const { return "{" + members_ + "}"; }
  /** At once: what was found out is not lost with the process. */
  void print() const;

 private:
  std::string members_;
};

}  // namespace convsweep::probe
