#pragma once

#include <stddef.h>
#include <stdint.h>

namespace convsweep::cpu {

/** A matrix whose element (i, j) lies at data[i * rowStride + j * columnStride]; one of the strides is 1. */
struct Matrix {
  const float* data;
  size_t rowStride, columnStride;
};

/** The values of a row of A, or of a part of it, that are not 0, and where they are. */
struct ValueList {
  static constexpr size_t kMost = 128;
  /** Beyond the last, for vectors that are written in whole. */
  static constexpr size_t kRoom = 16;
  size_t count;
  float values[kMost + kRoom];
  uint8_t depths[kMost + kRoom];
};

/** Rows of A that are listed at a time. */
constexpr size_t kListedRows = 256;

/** Floats of scratch that a matrix product wants: one panel of B. */
constexpr size_t kGemmScratch = 128 * 128;

}  // namespace convsweep::cpu
