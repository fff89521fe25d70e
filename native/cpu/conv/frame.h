#pragma once

#include <cstring>

#include "cpu/kernels.h"

namespace convsweep::cpu {

/** A map in a frame of zeros, so that windows slide over it without looking where it ends. */
struct Frame {
  size_t height, width, channels;
  size_t top, left, bottom, right;

  size_t pitch() const { return (left + width + right) * channels; }
  size_t size() const { return (top + height + bottom) * pitch(); }
  bool empty() const { return top + left + bottom + right == 0; }
  /** Floats of memory that `put` wants. */
  size_t scratch() const { return empty() ? 0 : size() + kSlack; }

  /** Makes the zeros, between which `put` places one map after the other. */
  void clear(float* memory) const {
    if (!empty()) std::memset(memory, 0, scratch() * sizeof(float));
  }
  /** The framed map, which is the map itself where the frame is empty. */
  const float* put(const float* map, float* memory) const {
    if (empty()) return map;
    for (size_t y = 0; y < height; ++y)
      std::memcpy(inside(memory, y), map + y * width * channels, width * channels * sizeof(float));
    return memory;
  }
  void take(float* framed, float* map) const {
    for (size_t y = 0; y < height; ++y)
      std::memcpy(map + y * width * channels, inside(framed, y), width * channels * sizeof(float));
  }

 private:
  float* inside(float* framed, size_t y) const { return framed + (top + y) * pitch() + left * channels; }
};

/** What a convolution's windows need around its input. */
inline Frame inputFrame(const ConvSpec& s) {
  const auto after = [](int in, int out, int window, int stride, int before) {
    const int beyond = (out - 1) * stride + window - before - in;
    return static_cast<size_t>(beyond < 0 ? 0 : beyond);
  };
  const Window& w = s.window;
  return {static_cast<size_t>(s.in.height),
          static_cast<size_t>(s.in.width),
          static_cast<size_t>(s.in.channels),
          static_cast<size_t>(w.padTop),
          static_cast<size_t>(w.padLeft),
          after(s.in.height, s.out.height, w.height, w.strideY, w.padTop),
          after(s.in.width, s.out.width, w.width, w.strideX, w.padLeft)};
}

}  // namespace convsweep::cpu
