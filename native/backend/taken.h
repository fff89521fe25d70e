#pragma once

#include <cstddef>
#include <cstdint>

namespace convsweep {

/** Bytes that this thread took for buffers on any device, less those that it gave back. */
inline thread_local int64_t bytesTakenHere = 0;

/** Adds to `total` what this thread takes while the object lives, also where it ends with an exception. */
class Growth {
 public:
  explicit Growth(int64_t& total) : total_(total), before_(bytesTakenHere) {}
  ~Growth() { total_ += bytesTakenHere - before_; }
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

 private:
  int64_t& total_;
  const int64_t before_;
};

}  // namespace convsweep
