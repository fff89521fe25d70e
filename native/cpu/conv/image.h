#pragma once

#include <cstring>

#include "backend/buffer.h"
#include "cpu/conv/implementation.h"
#include "cpu/conv/ink.h"
#include "cpu/conv/windows.h"

namespace convsweep::cpu {

/** What a convolution of blank pixels comes to, in whole vectors: its bias, clipped where ReLU follows. */
struct BlankResults {
  Buffer<float> unpooled, pooled;

  void prepare(const ConvKernels& kernels, const ConvSpec& spec, const float* bias) {
    const size_t filters = static_cast<size_t>(spec.out.channels);
    unpooled.ensure(wholeVectors(kernels, filters));
    pooled.ensure(wholeVectors(kernels, filters));
    for (size_t f = 0; f < filters; ++f) {
      const float value = bias ? bias[f] : 0, clipped = spec.relu && value < 0 ? 0 : value;
      unpooled.data()[f] = spec.pool ? value : clipped;
      pooled.data()[f] = clipped;
    }
  }
};

/**
 * The rest of a row of pooled windows, where there is no ink. Nothing is gained from the patches that they
 * see, so that they have no winners.
 */
inline void poolBlank(const Kernels& kernels, size_t filters, size_t begin, size_t end, const float* blank,
                      float* to, int32_t* winners) {
  kernels.conv->repeat(blank, filters, end - begin, to + begin * filters, filters);
  if (winners) std::memset(winners + begin * filters, 0xff, (end - begin) * filters * sizeof(int32_t));
}

/** Pools row `y` of a map, positions `stride` apart and read in whole vectors. */
inline void poolRowOf(const Kernels& kernels, const ConvSpec& spec, const float* map, size_t stride, size_t y,
                      const float* tolerance, const float* blank, const ConvArrays& arrays, size_t image) {
  const PoolSpec& pool = *spec.pool;
  const size_t filters = static_cast<size_t>(spec.out.channels);
  const size_t count = static_cast<size_t>(pool.out.width);
  const size_t at = image * pool.out.size() + y * count * filters;
  float* const to = arrays.y + at;
  int32_t* const winners = arrays.winners ? arrays.winners + at : nullptr;
  Span some{0, static_cast<uint32_t>(count)};
  if (arrays.ink) {
    const Span* const results = arrays.ink + image * static_cast<size_t>(spec.out.height);
    some = pooledWithInk(spec, results, static_cast<int>(y));
    poolBlank(kernels, filters, 0, some.begin, blank, to, winners);
    poolBlank(kernels, filters, some.end, count, blank, to, winners);
  }
  const Windows w = windowsOf(spec, inputFrame(spec), nullptr);
  kernels.poolRow(pool, map, stride, {y, some.begin, some.end}, spec.relu, w.lineStep, w.step, tolerance, to,
                  winners);
}

/**
 * Convolves an image line by line, and pools lines as soon as they are there. `convolve(y, span, to)` writes
 * the windows `span` of line y, `stride` apart, the first to `to`. `map`: of a pooled convolution, with room
 * for a vector past its end.
 */
template <typename Convolve>
void convolveImage(const Kernels& kernels, const ConvSpec& spec, const ConvArrays& arrays, size_t image,
                   float* map, size_t stride, const BlankResults& blank, const Convolve& convolve) {
  const size_t count = static_cast<size_t>(spec.out.width);
  float* const first = spec.pool ? map : arrays.y + image * spec.out.size();
  size_t pooled = 0;
  for (size_t y = 0; y < static_cast<size_t>(spec.out.height); ++y) {
    float* const to = first + y * count * stride;
    Span some{0, static_cast<uint32_t>(count)};
    if (arrays.ink) {
      some = arrays.ink[image * static_cast<size_t>(spec.out.height) + y];
      const size_t filters = static_cast<size_t>(spec.out.channels);
      kernels.conv->repeat(blank.unpooled.data(), filters, some.begin, to, stride);
      kernels.conv->repeat(blank.unpooled.data(), filters, count - some.end, to + some.end * stride, stride);
    }
    if (some.begin < some.end) convolve(y, some, to + some.begin * stride);
    if (!spec.pool) continue;
    const Window& w = spec.pool->window;
    const auto needs = [&](size_t row) {
      return std::min(static_cast<int>(row) * w.strideY - w.padTop + w.height, spec.out.height);
    };
    for (; pooled < static_cast<size_t>(spec.pool->out.height) && needs(pooled) <= static_cast<int>(y) + 1;
         ++pooled)
      poolRowOf(kernels, spec, map, stride, pooled, nullptr, blank.pooled.data(), arrays, image);
  }
}

}  // namespace convsweep::cpu
