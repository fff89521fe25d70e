#pragma once

#include <stddef.h>

namespace convsweep::cpu {

/** A matrix whose element (i, j) lies at data[i * rowStride + j * columnStride]; one of the strides is 1. */
struct Matrix {
  const float* data;
  size_t rowStride, columnStride;
};

/** Floats of scratch that a matrix product wants: one panel of B. */
constexpr size_t kGemmScratch = 128 * 48;

}  // namespace convsweep::cpu
