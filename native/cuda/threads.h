#pragma once

#include <cstdint>

namespace convsweep::cuda {

/** Of each block of this backend's kernels. */
constexpr uint32_t kThreads = 256;

}  // namespace convsweep::cuda
