#pragma once

#include <cmath>
#include <cstdint>

#include "backend/anywhere.h"

namespace convsweep {

/** Keras' Adam: epsilon outside the square root, not bias-corrected ("epsilon hat"). */
struct Adam {
  float learningRate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-7f;

  /** The bias-corrected step size of step `t`, counted from 1. */
  CONVSWEEP_ANYWHERE float stepSize(int64_t t) const {
    const double power1 = std::pow(static_cast<double>(beta1), static_cast<double>(t));
    const double power2 = std::pow(static_cast<double>(beta2), static_cast<double>(t));
    return static_cast<float>(learningRate * std::sqrt(1 - power2) / (1 - power1));
  }
};

}  // namespace convsweep
