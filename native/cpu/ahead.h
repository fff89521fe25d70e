#pragma once

#include <stddef.h>

namespace convsweep::cpu {

/** Memory that the caller is going to read next. A kernel that is given it fetches it while it computes. */
struct Ahead {
  const void* data = nullptr;
  size_t bytes = 0;
};

}  // namespace convsweep::cpu
