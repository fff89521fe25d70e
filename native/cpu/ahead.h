#pragma once

#include <stddef.h>

namespace convsweep::cpu {

/** Memory that the caller is going to read next. A kernel that is given it fetches it while it computes. */
struct Ahead {
  const void* data = nullptr;
  size_t bytes = 0;
};

namespace {

/**
 * Asks for memory that is needed soon, a part of it at each step of a longer computation: into the
 * second-level cache, since the first holds what is being worked on. Of internal linkage for the same reason
 * as all of simd.h.
 */
struct Prefetch {
  const char *at, *end;
  size_t share;

  Prefetch(const Ahead& ahead, size_t steps)
      : at((const char*)ahead.data), end(at + ahead.bytes), share((ahead.bytes / steps + 64) / 64 * 64) {}

  void step() {
    const char* const stop = end - at > (ptrdiff_t)share ? at + share : end;
    for (; at < stop; at += 64) __builtin_prefetch(at, 0, 2);
  }
};

}  // namespace
}  // namespace convsweep::cpu
