#pragma once

#include "backend/plan.h"

namespace convsweep::cpu {

/** Weights of a kernel. */
inline size_t weightsOf(const ConvSpec& s) {
  return static_cast<size_t>(s.window.height) * s.window.width * s.in.channels * s.out.channels;
}

/** The kernel that the gradient of the input is a convolution with, turned round: [y][x][filter][channel]. */
inline void turn(const ConvSpec& s, const float* kernel, float* turned) {
  const size_t taps = static_cast<size_t>(s.window.height) * s.window.width;
  const size_t channels = static_cast<size_t>(s.in.channels), filters = static_cast<size_t>(s.out.channels);
  for (size_t t = 0; t < taps; ++t) {
    const float* const from = kernel + (taps - 1 - t) * channels * filters;
    float* const to = turned + t * channels * filters;
    for (size_t f = 0; f < filters; ++f) {
      for (size_t c = 0; c < channels; ++c) to[f * channels + c] = from[c * filters + f];
    }
  }
}

}  // namespace convsweep::cpu
