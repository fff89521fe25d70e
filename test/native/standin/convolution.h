#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "standin/dnn.h"

namespace standin {

/** Packed floats, [n][c][h][w] or [k][c][r][s]. */
struct Packed {
  int n = 0, c = 0, h = 0, w = 0;
  size_t size() const { return static_cast<size_t>(n) * c * h * w; }
  size_t bytes() const { return size() * sizeof(float); }
};

/** The three passes of a convolution, with operands in TF32 where `tf32`. */
struct Convolution {
  Packed x, w, y;
  int padY = 0, padX = 0, strideY = 0, strideX = 0;
  float alpha = 1, beta = 0;

  /** Whether the sizes are those of one convolution. */
  bool fits() const;
  /** The sizes as text. */
  std::string sizes() const;

  void forward(bool tf32, const float* xs, const float* ws, float* ys) const;
  void backwardData(bool tf32, float* dxs, const float* ws, const float* dys) const;
  void backwardFilter(bool tf32, const float* xs, float* dws, const float* dys) const;
};

}  // namespace standin
