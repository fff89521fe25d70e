#include "standin/handle.h"

#include <cmath>
#include <cstring>

namespace standin {

bool sound(const char* call, int device, const std::vector<Range>& ranges) {
  bool all = true;
  for (const Range& range : ranges) {
    all &= inDeviceMemory(range.pointer, range.bytes, device, std::string(call) + ", " + range.name);
    if (!range.written) continue;
    const char* const start = static_cast<const char*>(range.pointer);
    for (const Range& other : ranges) {
      if (&other == &range) continue;
      const char* const from = static_cast<const char*>(other.pointer);
      if (start + range.bytes <= from || from + other.bytes <= start) continue;
      violation(std::string(call) + ": " + range.name + " overlaps " + other.name);
      all = false;
    }
  }
  return all;
}

float toTf32(float value) {
  if (!std::isfinite(value)) return value;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (!faults().truncatesTf32) bits += 0xfff + (bits >> 13 & 1);
  bits &= ~uint32_t{0x1fff};
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

}  // namespace standin
