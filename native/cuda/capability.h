#pragma once

#include <cstddef>

namespace convsweep::cuda {

/** Compute capability 7.5 as 75. */
constexpr int capabilityOf(int major, int minor) {
  return major * 10 + minor;
}

/** Since when GPUs multiply in TF32. */
constexpr int kOldestWithTf32 = 80;

/** What every toolkit and cuDNN that this backend takes can use: Turing. */
constexpr int kOldest = 75;

/** The oldest capability that a build with this CUDA runtime can use with this cuDNN, as they number
 * themselves: CUDA 12 and cuDNN up to 9.10 are the last with Pascal and Volta. */
constexpr int oldestCapability(int runtime, size_t cudnn) {
  return runtime < 13000 && cudnn < 91100 ? 60 : kOldest;
}

}  // namespace convsweep::cuda
