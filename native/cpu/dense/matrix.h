#pragma once

#include <stddef.h>
#include <stdint.h>

namespace convsweep::cpu {

/** A matrix whose element (i, j) lies at data[i * rowStride + j * columnStride]; one of the strides is 1. */
struct Matrix {
  const float* data;
  size_t rowStride, columnStride;
};

/** Rows of A that a matrix product takes together where it skips zeros. */
constexpr size_t kListRows = 8;

/** At which depths, of a block of them, one of kListRows rows of A is not 0. */
struct DepthList {
  static constexpr size_t kMost = 128;
  size_t count;
  uint8_t depths[kMost];
};

/** Floats of scratch that a matrix product wants: one panel of B. */
constexpr size_t kGemmScratch = 128 * 48;

}  // namespace convsweep::cpu
