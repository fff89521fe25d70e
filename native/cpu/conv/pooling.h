#pragma once

#include "cpu/conv/direct.h"

namespace convsweep::cpu {

/** Pools a map, positions `stride` apart and read in whole vectors, to the values and winners of `image`. */
inline void poolImage(const Kernels& kernels, const ConvSpec& spec, const float* map, size_t stride,
                      const float* tolerance, const ConvArrays& arrays, size_t image) {
  const PoolSpec& pool = *spec.pool;
  const Windows w = windowsOf(spec, inputFrame(spec), nullptr);
  const size_t row = static_cast<size_t>(pool.out.width) * static_cast<size_t>(spec.out.channels);
  for (size_t y = 0; y < static_cast<size_t>(pool.out.height); ++y) {
    const size_t at = image * pool.out.size() + y * row;
    kernels.poolRow(pool, map, stride, y, spec.relu, w.lineStep, w.step, tolerance, arrays.y + at,
                    arrays.winners ? arrays.winners + at : nullptr);
  }
}

}  // namespace convsweep::cpu
