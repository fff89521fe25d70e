#pragma once

#include <atomic>

#include "standin/device.h"

namespace standin {

/** What a library handle is bound to. */
struct Handle {
  int device = currentDevice();
  Stream* stream = nullptr;
  std::atomic<int> users{0};
};

/** One call with a handle: two at a time break the libraries' rules. */
class Use {
 public:
  Use(Handle& handle, const char* call) : handle_(handle) {
    if (handle_.users++ > 0) violation(std::string(call) + " while another thread uses the handle");
    if (handle_.device != currentDevice())
      violation(std::string(call) + " on another device than the handle's");
    if (!handle_.stream) violation(std::string(call) + " before the handle got its stream");
  }
  ~Use() { --handle_.users; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Handle& handle_;
};

/** Part of device memory that a call reads or writes. */
struct Range {
  const char* name;
  const void* pointer;
  size_t bytes;
  bool written;
};

/** Whether all ranges lie in the device's memory, and no written one overlaps another; violations where not.
 */
bool sound(const char* call, int device, const std::vector<Range>& ranges);

/** As tensor cores take a float in TF32: 10 bits of mantissa, ties to even; truncated if `faults` say so. */
float toTf32(float value);

/** Calls `work` with a zero of what sums are kept in: double, or float32, as on a card, if `faults` say so.
 */
template <typename F>
void withSums(F work) {
  if (faults().sumsInFloat32) {
    work(float{});
  } else {
    work(double{});
  }
}

}  // namespace standin
