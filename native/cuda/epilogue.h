#pragma once

#include <cmath>
#include <cstdint>

#include "backend/anywhere.h"
#include "cuda/norm_operands.h"

namespace convsweep::cuda {

CONVSWEEP_ANYWHERE inline float clipped(float x) {
  return x < 0 ? 0 : x;
}  // keeps NaN

/** What is done to each value of a channel behind a convolution or a matrix product; all of it may be
 * missing. */
struct Epilogue {
  const float* bias = nullptr;
  bool relu = false;
  InferenceNorm norm = {};

  bool isEmpty() const { return !bias && !relu && !norm.gamma; }

  CONVSWEEP_ANYWHERE float shift(uint32_t channel) const { return bias ? bias[channel] : 0; }
  /** What comes behind the bias. */
  CONVSWEEP_ANYWHERE float finish(float shifted, uint32_t channel) const {
    const float value = relu ? clipped(shifted) : shifted;
    if (!norm.gamma) return value;
    const float scale = norm.gamma[channel] / sqrtf(norm.variance[channel] + norm.epsilon);
    return (value - norm.mean[channel]) * scale + norm.beta[channel];
  }
  CONVSWEEP_ANYWHERE float operator()(float x, uint32_t channel) const {
    return finish(x + shift(channel), channel);
  }
};

}  // namespace convsweep::cuda
