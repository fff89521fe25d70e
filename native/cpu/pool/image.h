#pragma once

#include "cpu/kernels.h"

namespace convsweep::cpu {

/** The largest values of an image's windows; `winners` may be null. */
inline void poolImage(const Kernels& kernels, const PoolSpec& spec, const float* x, float* to,
                      int32_t* winners) {
  const size_t channels = static_cast<size_t>(spec.in.channels), count = static_cast<size_t>(spec.out.width);
  for (size_t y = 0; y < static_cast<size_t>(spec.out.height); ++y) {
    const size_t at = y * count * channels;
    kernels.poolRow(spec, x, channels, {y, 0, count}, false, static_cast<size_t>(spec.in.width) * channels,
                    channels, nullptr, to + at, winners ? winners + at : nullptr);
  }
}

}  // namespace convsweep::cpu
